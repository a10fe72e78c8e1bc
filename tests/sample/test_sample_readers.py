import csv

from email_validator import validate_email

from digest.sample import readers


def test_readers_are_as_many_as_asked_each_with_an_address_of_their_own() -> None:
    made = list(readers.readers(2_000))
    assert len({address for address, _ in made}) == 2_000
    assert all(address.isascii() and address == address.lower() for address, _ in made)


def test_addresses_are_valid_and_belong_to_nobody() -> None:
    for address, _ in readers.readers(700):
        checked = validate_email(address, check_deliverability=False, test_environment=True)
        assert checked.normalized == address
        assert address.endswith(".example")


def test_readers_are_the_same_every_time() -> None:
    assert list(readers.readers(50)) == list(readers.readers(50))


def test_names_repeat_late_and_keep_their_accents() -> None:
    names = [name for _, name in readers.readers(650)]
    assert len(set(names)) == 650
    assert any("ø" in name for name in names)


def test_nobody_is_nobody() -> None:
    assert list(readers.readers(0)) == []
    assert readers.csv(0) == "email,name\r\n"


def test_the_csv_has_a_header_and_gives_the_readers_back() -> None:
    rows = list(csv.DictReader(readers.csv(100).splitlines()))
    assert [(row["email"], row["name"]) for row in rows] == list(readers.readers(100))
