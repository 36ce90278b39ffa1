"""Languages, told by script and common words, or not at all."""

from __future__ import annotations

import pytest

from flywheel.data.checks.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My parcel has not arrived and I would like to know where it is.", "en"),
        ("Mein Paket ist noch nicht angekommen, bitte sagen Sie mir, wo es ist.", "de"),
        ("Mon colis n'est pas arrivé et je voudrais savoir où il est avec la date.", "fr"),
        ("Mi paquete no ha llegado y me gustaría saber dónde está el envío, por favor.", "es"),
        ("Il mio pacco non è arrivato e vorrei sapere dove si trova, grazie.", "it"),
        ("O meu pacote não chegou e eu gostaria de saber onde está a encomenda.", "pt"),
        ("Mijn pakket is niet aangekomen en ik wil graag weten waar het is.", "nl"),
        ("Moja paczka nie dotarła i chciałbym wiedzieć, czy jest w drodze na miejsce.", "pl"),
        ("Mitt paket har inte kommit och jag vill veta var det är.", "sv"),
        ("Моя посылка не пришла", "ru"),
        ("私の荷物はまだ届いていません", "ja"),
        ("我的包裹还没有到", "zh"),
        ("내 소포가 도착하지 않았습니다", "ko"),
        ("\u0394\u03ad\u03bc\u03b1 \u03b4\u03b5\u03bd \u03ae\u03c1\u03b8\u03b5", "el"),
        ('{"category": "billing"}', None),
        ("Hello", None),
        ("a@" * 100, None),
        ("", None),
        ("12345 " * 10, None),
    ],
)
def test_a_language_is_told_or_left_open(text: str, language: str | None) -> None:
    assert language_of(text) == language
