"""Reads the public key of somebody else, as a page of theirs shows it."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def p256_key(text: str) -> EllipticCurvePublicKey:
    """Read a key of ECDSA on P-256, in base64 of its DER (RFC 5480 2). Raises ValueError."""
    try:
        key = load_der_public_key(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError("must be a public key in base64, as the service's page shows it") from exc
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("must be a public key of ECDSA on P-256")  # noqa: TRY004 - the text's fault
    return key
