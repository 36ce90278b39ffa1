"""Personal data: what is found, what is left alone, and time that grows with the text."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from flywheel.data.checks.names import open_names
from flywheel.data.checks.pii import Match, find_pii
from flywheel.extras import MissingExtra
from tests.growth import grows_with_size


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("mail jo.doe+x@acme.co.uk.", "email", "jo.doe+x@acme.co.uk"),
        ("müller@bücher.de", "email", "müller@bücher.de"),
        ("IBAN DE89 3704 0044 0532 0130 00 IS MINE", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB82 WEST 1234 5698 7654 32.", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("card 4111 1111 1111 1111 12/26", "card", "4111 1111 1111 1111"),
        ("5500-0000-0000-0004", "card", "5500-0000-0000-0004"),
        ("378282246310005", "card", "378282246310005"),
        ("from 8.8.8.8.", "ip", "8.8.8.8"),
        ("2001:4860:4860::8888", "ip", "2001:4860:4860::8888"),
        ("+49 (0)171 234 5678", "phone", "+49 (0)171 234 5678"),
        ("0049 171 2345678", "phone", "0049 171 2345678"),
        ("call (555) 123-4567!", "phone", "(555) 123-4567"),
        ("call 555-123-4567", "phone", "555-123-4567"),
        ("Tel. 0171 2345678", "phone", "0171 2345678"),
    ],
)
def test_personal_data_is_found_by_its_shape(text: str, kind: str, found: str) -> None:
    (one,) = find_pii(text)
    assert (one.kind, text[one.start : one.end]) == (kind, found)


@pytest.mark.parametrize(
    "text",
    [
        "jo@example.com, jo@shop.example, a@b, @name, <EMAIL_1>",
        "order 12345678 of 2024-01-15 at 12:30:45, 1,234,567.89, #4711-0815",
        "card 4111 1111 1111 1112",  # Luhn says no
        "DE88 3704 0044 0532 0130 00",  # modulo 97 says no
        "XX89 3704 0044 0532 0130 00",  # no such country
        "192.168.0.1, 127.0.0.1, 10.0.0.1, 256.1.1.1, 1.2.3.4.5, ::1, std::vector",
        "5555555555555555 0000000000000000",
        "a tracking number 00340434161094042557",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert [text[one.start : one.end] for one in find_pii(text)] == []


def test_neighbours_are_all_found_and_two_spellings_are_one() -> None:
    text = "DE89370400440532013000 GB82WEST12345698765432 4111111111111111 4111-1111-1111-1111"
    found = find_pii(text)
    assert [one.kind for one in found] == ["iban", "iban", "card", "card"]
    assert found[2].same == found[3].same
    assert {one.same for one in find_pii("+49 171 2345678, 0049171/2345678")} == {"491712345678"}


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "1.", "DE89 ", "DE1", ":", "a:", "+1", "4111 ", "01 ", "(555) ", "0-1",
     "ü@", "a.", "x@acme.de ", "4111 1111 1111 1111 "],
)  # fmt: skip
def test_the_time_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    assert grows_with_size(lambda n: find_pii(piece * (n // len(piece))), 50_000)
    assert grows_with_size(lambda n: find_pii("x@" + piece * (n // len(piece))), 50_000)


def test_a_megabyte_of_at_signs_is_read_in_a_moment() -> None:
    assert grows_with_size(lambda n: find_pii("a@" * n), 100_000)


def test_a_finder_of_names_adds_to_what_has_a_shape() -> None:
    text = "Ada, ada@lovelace.org"

    def names(given: str) -> list[Match]:
        return [Match("name", 0, 3, "ada"), Match("name", 5, 8, "ada")]

    assert [one.kind for one in find_pii(text, names)] == ["name", "email"], "shapes win"
    assert find_pii("no shape here", names)[0].kind == "name"


@pytest.mark.skipif(find_spec("spacy") is not None, reason="spaCy is installed")
def test_names_without_a_library_say_what_to_install() -> None:
    with pytest.raises(MissingExtra, match="pip install spacy"):
        open_names("en_core_web_sm")
