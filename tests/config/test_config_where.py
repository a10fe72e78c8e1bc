"""On which line a key stands, whatever TOML allows around it."""

from digest.config.where import key_lines


def test_keys_are_found_under_their_headers() -> None:
    lines = key_lines('# a\n\n[site]\nname = "x" # [no]\n[smtp.relays.a]\nb.c = 1\n')
    assert lines[("site",)] == 3
    assert lines[("site", "name")] == 4
    assert lines[("smtp",)] == lines[("smtp", "relays", "a")] == 5
    assert lines[("smtp", "relays", "a", "b")] == lines[("smtp", "relays", "a", "b", "c")] == 6


def test_lists_of_tables_are_counted() -> None:
    lines = key_lines("[[n]]\na = 1\n[n.sub]\nb = 1\n[[n]]\n\na = 2\n[n.sub]\nb = 2\n")
    assert lines[("n",)] == lines[("n", 0)] == 1
    assert (lines[("n", 0, "a")], lines[("n", 0, "sub", "b")]) == (2, 4)
    assert (lines[("n", 1)], lines[("n", 1, "a")], lines[("n", 1, "sub", "b")]) == (5, 7, 9)


def test_values_over_several_lines_do_not_shift_what_follows() -> None:
    strings = 'a = """\n[no]\nb = 1 \\"""\n"""\n'
    text = strings + "c = [\n  \"]\", # ]\n  { d = 1 },\n]\ne = '''\n=\n'''''\nf = 1"
    assert key_lines(text) == {("a",): 1, ("c",): 5, ("e",): 9, ("f",): 12}


def test_quoted_keys_are_read() -> None:
    assert key_lines('"a b".\'c.d\' = 1\n["x\\u0041"]\n1.2 = 3') == {
        ("a b",): 1,
        ("a b", "c.d"): 1,
        ("xA",): 2,
        ("xA", "1"): 3,
        ("xA", "1", "2"): 3,
    }


def test_line_ends_of_windows_count_once() -> None:
    assert key_lines("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}
