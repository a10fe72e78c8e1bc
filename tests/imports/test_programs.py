"""Each program's export, made up after the real one's columns, read row by row."""

import contextlib
import io
import zipfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.cli.readerfile import listed, opened
from digest.cli.readerrow import BadLine, Person
from digest.errors import UsageError
from digest.imports.program import Standing
from digest.imports.programs import PROGRAMS
from digest.imports.times import when

MAILPOET = (
    '\ufeff"Email","First name","Last name","Subscription IP","Subscription time","Confirmation time",'
    '"Confirmation IP","List status","Global status","List"\n'
    '"rosa@mail.example","Rosa","Márquez","192.0.2.7","2023-04-05 06:07:08","2023-04-05 06:09:00",'
    '"192.0.2.7","subscribed","subscribed","Daily"\n'
    '"ben@mail.example","Ben \\"Benny\\"","O\'Hara","","2023-04-05 06:07:08","","","subscribed",'
    '"inactive","Daily"\n'
    '"eva@mail.example","","","","2023-04-05 06:07:08","","","unsubscribed","subscribed","Daily"\n'
    '"kim@mail.example","","","","2023-04-05 06:07:08","","","subscribed","unsubscribed","Daily"\n'
    '"leo@mail.example","","","","2023-04-05 06:07:08","","","subscribed","bounced","Daily"\n'
    '"max@mail.example","","","","2023-04-05 06:07:08","","","unconfirmed","unconfirmed","Daily"\n'
    '"una@mail.example","","","","2023-04-05 06:07:08","","","subscribed","trashed","Daily"\n'
)
MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,"
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,{}LEID,EUID,NOTES,TAGS\n"
)
MAILCHIMP_SUBSCRIBED = MAILCHIMP.format("LAST_CHANGED,") + (
    'rosa@mail.example,Rosa, Márquez ,4,"2018-02-12 10:54:27",192.0.2.7,"2018-02-12 10:55:00",192.0.2.7,'
    ',,,,,,,"2020-01-01 00:00:00",12,ab,,"""Friends"",""Staff"""\n'
)
MAILCHIMP_UNSUBSCRIBED = MAILCHIMP.format(
    "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,"
) + (
    "eva@mail.example,Eva,,,2018-02-12 10:54:26,,2018-02-12 10:54:26,,,,,,,,,2022-12-05 21:01:47,,,,,1,b,,\n"
    "kim@mail.example,Kim,,,2018-02-12 10:54:26,,2018-02-12 10:54:26,,,,,,,,,2022-12-06 21:01:47,,,"
    "Abuse complaint,,1,b,,\n"
)
MAILCHIMP_CLEANED = MAILCHIMP.format("CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,") + (
    "leo@mail.example,,,1,2018-02-05 19:28:23,,2018-02-05 19:28:23,,,,,,,,,2020-03-23 17:30:05,,,1,b,,\n"
)
LISTMONK = (
    "uuid,email,name,attributes,status,created_at,updated_at\n"
    '0a,rosa@mail.example,Rosa Márquez,"{""city"": ""Averell""}",enabled,'
    "2023-04-05 06:09:00.123456789 +0000 UTC,2023-05-01 00:00:00 +0000 UTC\n"
    "0b,eva@mail.example,Eva,{},disabled,2023-04-05 06:07:08 +0200 CEST,2022-12-05 21:01:47 +0000 UTC\n"
    "0c,leo@mail.example,Leo,{},blocklisted,2023-04-05T06:07:08Z,2023-05-01T00:00:00Z\n"
)
GHOST = (
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,"
    "labels,tiers\n"
    "1,rosa@mail.example,Rosa Márquez,,true,false,,2023-04-05T06:09:00.000Z,,,\n"
    '2,eva@mail.example,Eva,"A note, of two\nlines",false,false,,2023-04-05T06:07:08.000Z,,"a,b",Gold\n'
    "3,kim@mail.example,,,true,false,,2023-04-05T06:07:08.000Z,2022-12-05T21:01:47.000Z,,\n"
    "4,una@mail.example,,,,false,,2023-04-05T06:07:08.000Z,,,\n"
)
SUBSTACK = (
    "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
    "rosa@mail.example,false,,other,false,2023-04-05T06:09:00.713Z,\n"
    "eva@mail.example,true,2027-07-06T16:20:44.000Z,yearly,true,2023-04-05T06:07:08.713Z,2023-04-05\n"
)
SUBSTACK_DASHBOARD = (
    "Email,Name,Subscription type,Activity,Subscription date,Revenue\n"
    'rosa@mail.example,Rosa Márquez,Free,3,"Apr 5, 2023",0\n'
)
BUTTONDOWN = (
    "email_address,notes,metadata,tags,type,source,creation_date,unsubscription_date,referrer_url\n"
    "rosa@mail.example,,{},friends,regular,organic,2023-04-05T06:09:00.000000Z,,\n"
    "ben@mail.example,,{},,past_due,api,2023-04-05T06:07:08Z,,\n"
    "eva@mail.example,,{},,unsubscribed,organic,2023-04-05T06:07:08Z,2022-12-05T21:01:47Z,\n"
    "kim@mail.example,,{},,complained,organic,2023-04-05T06:07:08Z,,\n"
    "leo@mail.example,,{},,undeliverable,organic,2023-04-05T06:07:08Z,,\n"
    "max@mail.example,,{},,unactivated,organic,2023-04-05T06:07:08Z,,\n"
    "una@mail.example,,{},,sleeping,organic,2023-04-05T06:07:08Z,,\n"
)
OWN = (
    "email,name,state,newsletters,created_at,confirmed_at,consent,left_at,left_issue,left_channel\n"
    "rosa@mail.example,Rosa Márquez,active,daily,2023-04-05T06:09:00Z,2023-04-05T06:09:00Z,operator,,,\n"
    "eva@mail.example,,unsubscribed,,2023-04-05T06:07:08Z,,operator,2022-12-05T21:01:47Z,,page\n"
)

READING, LEFT = Standing.READING, Standing.LEFT
EXPORTS = {
    "mailpoet": (
        MAILPOET,
        {"rosa": READING, "ben": READING, "eva": LEFT, "kim": LEFT, "leo": Standing.BOUNCED},
    ),
    "listmonk": (LISTMONK, {"rosa": READING, "eva": LEFT, "leo": Standing.BLOCKED}),
    "ghost": (GHOST, {"rosa": READING, "eva": LEFT, "kim": LEFT}),
    "substack": (SUBSTACK, {"rosa": READING, "eva": LEFT}),
    "buttondown": (
        BUTTONDOWN,
        {
            "rosa": READING,
            "ben": READING,
            "eva": LEFT,
            "kim": Standing.COMPLAINED,
            "leo": Standing.BOUNCED,
        },
    ),
    "digest": (OWN, {"rosa": READING, "eva": LEFT}),
}


def read(program: str, text: str | bytes, name: str = "export.csv", only: str = "") -> list[Person | BadLine]:
    file = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    with ExitStack() as stack:
        return list(listed(stack, file, name, PROGRAMS[program], only).rows())


def people(rows: list[Person | BadLine]) -> dict[str, Person]:
    return {row.email.partition("@")[0]: row for row in rows if isinstance(row, Person)}


@pytest.mark.parametrize("program", EXPORTS)
def test_who_is_subscribed_and_who_left_is_told_apart(program: str) -> None:
    text, expected = EXPORTS[program]
    assert {name: one.standing for name, one in people(read(program, text)).items()} == expected


@pytest.mark.parametrize("program", EXPORTS)
def test_consent_is_as_old_as_the_export_says(program: str) -> None:
    rosa = people(read(program, EXPORTS[program][0]))["rosa"]
    assert rosa.confirmed_at is not None
    assert rosa.confirmed_at.replace(microsecond=0) == datetime(2023, 4, 5, 6, 9, tzinfo=UTC)


@pytest.mark.parametrize("program", ["listmonk", "ghost", "buttondown", "digest"])
def test_when_somebody_left_is_read_where_it_is_told(program: str) -> None:
    gone = people(read(program, EXPORTS[program][0]))
    told = [one.left_at for one in gone.values() if one.left_at]
    assert datetime(2022, 12, 5, 21, 1, 47, tzinfo=UTC) in told


@pytest.mark.parametrize("program", ["mailpoet", "listmonk", "ghost", "digest"])
def test_names_are_read(program: str) -> None:
    assert people(read(program, EXPORTS[program][0]))["rosa"].name == "Rosa Márquez"


def test_quotation_marks_as_mailpoet_writes_them_are_read() -> None:
    assert people(read("mailpoet", MAILPOET))["ben"].name == 'Ben "Benny" O\'Hara'


@pytest.mark.parametrize(
    ("text", "standings"),
    [
        (MAILCHIMP_SUBSCRIBED, {"rosa": READING}),
        (MAILCHIMP_UNSUBSCRIBED, {"eva": LEFT, "kim": Standing.COMPLAINED}),
        (MAILCHIMP_CLEANED, {"leo": Standing.BOUNCED}),
    ],
    ids=["subscribed", "unsubscribed", "cleaned"],
)
def test_mailchimps_files_are_told_apart_by_their_columns(text: str, standings: dict[str, Standing]) -> None:
    found = people(read("mailchimp", text, name="renamed.csv"))
    assert {name: one.standing for name, one in found.items()} == standings


def test_mailchimps_contacts_who_never_subscribed_are_left_out_without_a_word() -> None:
    [row] = read("mailchimp", MAILCHIMP_SUBSCRIBED, name="nonsubscribed_email_audience_export_1a.csv")
    assert isinstance(row, BadLine)
    assert (row.quiet, row.kind) == (True, "never subscribed there")


def test_substacks_dashboard_lists_those_alone_who_get_mail() -> None:
    rosa = people(read("substack", SUBSTACK_DASHBOARD))["rosa"]
    assert (rosa.standing, rosa.name) == (READING, "Rosa Márquez")
    assert rosa.confirmed_at == datetime(2023, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("program", ["mailpoet", "buttondown"])
def test_who_never_confirmed_is_left_out_without_a_word(program: str) -> None:
    quiet = [row for row in read(program, EXPORTS[program][0]) if isinstance(row, BadLine) and row.quiet]
    assert [row.kind for row in quiet] == ["never confirmed there"]


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("mailpoet", "its status is 'trashed', which is not known here"),
        ("ghost", "it does not say whether it is subscribed to emails"),
        ("buttondown", "its status is 'sleeping', which is not known here"),
    ],
)
def test_a_status_that_nobody_knows_makes_nobody_a_reader(program: str, says: str) -> None:
    bad = [row for row in read(program, EXPORTS[program][0]) if isinstance(row, BadLine) and not row.quiet]
    assert [row.reason for row in bad] == [says]


@pytest.mark.parametrize(
    ("program", "text", "says"),
    [
        ("mailpoet", '"Email","List status"\n', "no column “global status”"),
        ("mailchimp", "Email Address,First Name\n", "no column “optin_time”"),
        ("listmonk", "uuid,email,name\n", "no column “status”"),
        ("ghost", "id,email,name\n", "no column “subscribed_to_emails”"),
        ("substack", "email,created_at\n", "no column “email_disabled”"),
        ("buttondown", "email_address,tags\n", "no column “type”"),
        ("ghost", "Adresse,Nom\n", "is no export of Ghost’s: it has no column “email”"),
    ],
)
def test_an_export_that_does_not_say_who_left_is_not_read(program: str, text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(program, text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


TWO_LISTS = (
    MAILPOET
    + '"zoe@mail.example","Zoë","","","2023-04-05 06:07:08","","","subscribed","subscribed","Weekly"\n'
)


def test_of_several_lists_one_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="several lists: say which with --list: “Daily”, “Weekly”"):
        read("mailpoet", TWO_LISTS)
    assert people(read("mailpoet", TWO_LISTS, only="weekly")).keys() == {"zoe"}
    assert "zoe" not in people(read("mailpoet", TWO_LISTS, only="Daily"))
    with pytest.raises(UsageError, match="no list of this name; it has “Daily”, “Weekly”"):
        read("mailpoet", TWO_LISTS, only="Monthly")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_has_made_of_it_is_read(encoding: str, delimiter: str) -> None:
    text = LISTMONK.replace('"{""city"": ""Averell""}"', "{}").replace(",", delimiter)
    found = people(read("listmonk", text.encode(encoding)))
    assert found["rosa"].name == "Rosa Márquez"
    assert len(found) == 3


def test_half_a_letter_of_utf_16_is_said_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="begins as UTF-16 but is not"):
        read("listmonk", LISTMONK.encode("utf-16") + b"\x00")


def zipped(folder: Path, **files: str) -> Path:
    path = folder / "audience.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text)
    return path


def test_a_zip_archive_is_read_whole_those_who_left_first(tmp_path: Path) -> None:
    path = zipped(
        tmp_path,
        subscribed_email_audience_export_1a=MAILCHIMP_SUBSCRIBED,
        unsubscribed_email_audience_export_1a=MAILCHIMP_UNSUBSCRIBED,
        cleaned_email_audience_export_1a=MAILCHIMP_CLEANED,
        readme="not,a,list\n",
    )
    with opened(path, PROGRAMS["mailchimp"]) as found:
        assert list(people(list(found.rows()))) == ["leo", "eva", "kim", "rosa"]


def test_a_zip_archive_of_nothing_that_is_known_is_misuse(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="holds no list of Substack’s, but readme"),
        opened(zipped(tmp_path, readme="x").rename(tmp_path / "a.zip"), PROGRAMS["substack"]),
    ):
        pass


def test_a_spreadsheet_is_told_to_be_saved_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "members.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(UsageError, match="is a spreadsheet: save it as “CSV UTF-8”"), opened(path):
        pass


@pytest.mark.parametrize("cut", [10, 200, 400])
def test_a_damaged_zip_archive_is_told_in_one_sentence(tmp_path: Path, cut: int) -> None:
    path = zipped(tmp_path, subscribed=MAILCHIMP_SUBSCRIBED * 9)
    path.write_bytes(path.read_bytes()[:cut])
    with (
        pytest.raises(UsageError, match="is a ZIP archive that cannot be read"),
        opened(path, PROGRAMS["mailchimp"]),
    ):
        pass


def test_the_guard_against_formulas_is_no_part_of_an_address() -> None:
    [row] = read("substack", "email,email_disabled\n'+rosa@mail.example,false\n")
    assert isinstance(row, Person)
    assert row.email == "+rosa@mail.example"


@given(program=st.sampled_from(sorted(PROGRAMS)), text=st.text(max_size=300))
def test_whatever_stands_in_an_export_is_read_or_refused_in_a_sentence(program: str, text: str) -> None:
    header = (MAILCHIMP_SUBSCRIBED if program == "mailchimp" else EXPORTS[program][0]).partition("\n")[0]
    with contextlib.suppress(UsageError):
        rows = read(program, f"{header}\n{text}".encode("utf-8", "replace"))
        assert all(isinstance(row, Person | BadLine) for row in rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("2024-05-06 07:08:09.123456789 +0200 CEST", datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)),
        ("2024-05-06 07:08:09 +0530 +0530", datetime(2024, 5, 6, 1, 38, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09.1Z", datetime(2024, 5, 6, 7, 8, 9, 100000, tzinfo=UTC)),
        ("6 May 2024", datetime(2024, 5, 6, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_programs_write_them(text: str, expected: datetime) -> None:
    assert when(text) == expected


@pytest.mark.parametrize("text", ["05/06/2024", "yesterday", "2024-13-01", "0", ""])
def test_which_number_is_the_month_is_never_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        when(text)
