"""Certificates: one page of PDF from a template, read back by PDFium, which shares no code with its maker."""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymupdf_fonts import myfont

from bridge.core.events import Event
from bridge.core.messages import Attachment, RenderFailure, Slot, Target
from bridge.rendering import certificate_fonts
from bridge.rendering.certificate_style import PICTURE_BYTES
from bridge.rendering.certificates import MISSING
from tests.rendering.conftest import Bench

PLAIN = """---
name: Certificado {{ learner.name | proper_name }}
signature: {{ producer.name | default("Equipe") }}
role: Coordenação
footer: nº {{ id }}
---
# Certificado de conclusão

Certificamos que

## {{ learner.name }}

concluiu o curso **{{ course.title | default("inteiro") }}**, em {{ occurred_at | date }}.
"""


def made(bench: Bench, facts: Mapping[str, object], template: str = PLAIN) -> Attachment:
    bench.write("certificado.md", template)
    found = bench.say("certificado", facts, Target.CERTIFICATE)
    assert isinstance(found, Attachment), found
    return found


def failed(bench: Bench, facts: Mapping[str, object], template: str = PLAIN) -> str:
    bench.write("certificado.md", template)
    found = bench.say("certificado", facts, Target.CERTIFICATE)
    assert isinstance(found, RenderFailure), found
    return found.why


def wrong(bench: Bench, template: str) -> list[str]:
    bench.write("certificado.md", template)
    return bench.complaints("certificado", Target.CERTIFICATE)


def opened(file: Attachment) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(base64.b64decode(file.encoded))


def text_of(file: Attachment) -> str:
    document = opened(file)
    assert len(document) == 1
    said: str = document[0].get_textpage().get_text_range()
    return " ".join(said.split())


def named(event: Event, name: str) -> dict[str, Any]:
    return {**event.facts(), "learner": {"name": name}}


def png(width: int, height: int) -> bytes:
    """Return a grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_an_event_becomes_a_page(bench: Bench, nutror: Event) -> None:
    """With the words of the template, a name for the file, and what a PDF says of itself."""
    file = made(bench, named(nutror, "Maria Aparecida da Conceição"))
    assert (file.name, file.type) == ("Certificado Maria Aparecida da Conceição.pdf", "application/pdf")
    said = text_of(file)
    for words in (
        "Certificado de conclusão",
        "Maria Aparecida da Conceição",
        "concluiu o curso Python Básico, em 23 de novembro de 2026.",
        "Escola Exemplo",
        "Coordenação",
        "nº q8x0d2mzr5",
    ):
        assert words in said
    about = opened(file).get_metadata_dict()
    assert about["Title"] == "Certificado de conclusão"
    assert about["Author"] == "Escola Exemplo"
    assert about["CreationDate"] == "D:20261123170500Z"
    assert b"/Lang (pt-BR)" in base64.b64decode(file.encoded)


def test_the_same_event_gives_the_same_bytes(bench: Bench, nutror: Event) -> None:
    """Also in another run, with other certificates in between: a repeat must be the same message."""
    first = made(bench, named(nutror, "Maria"))
    content, _ = bench.renderer.content({"it": Slot(Target.CERTIFICATE, "certificado", ("it",))})
    assert content is not None
    content.render(named(nutror, "محمد"))
    assert content.render(named(nutror, "Maria")) == {"it": first}
    assert content.render(named(nutror, "Marie")) != {"it": first}


def test_certificates_that_are_made_at_once_are_right(
    bench: Bench, nutror: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that take long are made in a thread, and others elsewhere meanwhile."""
    folder = bench.folder.parent / "attachments"
    folder.mkdir()
    (folder / "logo.png").write_bytes(png(200, 80))
    template = PLAIN.replace("---\n", "---\nlogo: logo.png\n", 1)
    bench.write("certificado.md", template)
    content, _ = bench.renderer.content({"it": Slot(Target.CERTIFICATE, "certificado", ("it",))})
    assert content is not None
    people = [named(nutror, f"Maria {letter}") for letter in "ABCDE"]
    alone = [content.render(facts) for facts in people]
    monkeypatch.setattr(certificate_fonts, "_FOLDERS", [])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    try:
        with ThreadPoolExecutor(3) as threads:
            together = list(threads.map(content.render, [*people, *people, *people]))
    finally:
        sys.setswitchinterval(interval)
    assert together == [*alone, *alone, *alone]


@pytest.mark.parametrize(
    "name",
    ["Łukasz Żółć", "Дмитрий Ёлкин", "Ελένη Παπαδοπούλου", "Nguyễn Thị Ánh", "O\u2019Neill\u2013Ñandú"],
)
def test_names_of_other_languages_are_right(bench: Bench, nutror: Event, name: str) -> None:
    assert name in text_of(made(bench, named(nutror, name)))


@pytest.mark.parametrize("name", ["محمد علي", "दीपा शर्मा", "สมชาย", "דוד כהן"])
def test_names_of_other_scripts_are_joined(bench: Bench, nutror: Event, name: str) -> None:
    """Every letter is there in some order; how they are joined is HarfBuzz's work."""
    said = text_of(made(bench, named(nutror, name)))
    assert set(name) <= set(said)


def test_accents_that_come_apart_are_put_together(bench: Bench, nutror: Event) -> None:
    """A decomposed ç is the letter ç."""
    assert "Conceição" in text_of(made(bench, named(nutror, "Conceic\u0327a\u0303o")))


def test_letters_that_cannot_be_written_stop_it(bench: Bench, nutror: Event) -> None:
    """No box and no gap where a letter of somebody's name should be."""
    why = failed(bench, named(nutror, "王小明"))
    assert why.startswith("'learner.name' has U+738B")
    assert "`font:`" in why


def test_pictures_in_a_name_are_left_out(bench: Bench, nutror: Event) -> None:
    """An emoji is no letter; neither are characters that nobody sees, or that turn the text around."""
    said = text_of(made(bench, named(nutror, "Maria 💜 da\u202e \x00Silva\u200b 👩🏽\u200d🎓")))
    assert "Maria da Silva concluiu" in said


@pytest.mark.parametrize(
    "name",
    [
        "**Maria** __x__ --y-- ~~z~~",
        "[aqui](https://mal.example)",
        "# Maria",
        "{{ 7 * 7 }} {nb} {% x %}",
        "<b>Maria</b> &amp;",
        "\\**Maria",
        ") Tj ET (",
    ],
)
def test_a_name_is_only_text(bench: Bench, nutror: Event, name: str) -> None:
    """Neither Markdown, Jinja, HTML, nor what the library itself takes for markup."""
    file = made(bench, named(nutror, name))
    assert name in text_of(file)
    assert b"/URI" not in base64.b64decode(file.encoded)


def test_a_file_name_is_harmless(bench: Bench, nutror: Event) -> None:
    """On every system; where nothing is left of it, it is called as its template."""
    name = "---\nname: {{ learner.name }}\n---\nOi"
    assert made(bench, named(nutror, "../a\\b:c\r\nd\u202e.pdf"), name).name == "a b c d.pdf"
    assert made(bench, named(nutror, "///"), name).name == "certificado.pdf"
    assert made(bench, named(nutror, "é" * 300), name).name == "é" * 96 + ".pdf"
    assert made(bench, named(nutror, "x"), "Oi").name == "certificado.pdf"


def test_a_long_name_is_written_smaller(bench: Bench, nutror: Event) -> None:
    """On one line as long as it can be read, then on several, and always inside the border."""
    long = "Maria Aparecida da Conceição dos Santos Albuquerque de Vasconcelos"
    for name in (long, f"{long} {long}", "x" * 200):
        file = made(bench, named(nutror, name))
        assert name.replace(" ", "") in text_of(file).replace(" ", "")
        document = opened(file)
        width, _ = document[0].get_size()
        page = document[0].get_textpage()
        boxes = [page.get_charbox(place) for place in range(page.count_chars())]
        assert min(box[0] for box in boxes) > 40
        assert max(box[2] for box in boxes) < width - 40


def test_what_does_not_fit_is_told(bench: Bench, nutror: Event) -> None:
    assert "fits on one page" in failed(bench, named(nutror, "palavra " * 350))
    assert "more than 3,000 characters" in failed(bench, named(nutror, "palavra " * 1000))
    assert "too long" in failed(
        bench, named(nutror, "x" * 900), "---\nsignature: {{ learner.name }}\n---\nOi"
    )
    assert failed(bench, named(nutror, "💜"), "{{ learner.name }}") == "makes an empty certificate"


def test_what_is_absent_is_told_with_its_line(bench: Bench, nameless: Event) -> None:
    bench.write("certificado.md", PLAIN)
    found = bench.say("certificado", nameless.facts(), Target.CERTIFICATE)
    assert isinstance(found, RenderFailure)
    assert "learner.name" in found.why


def test_portrait_logo_background_and_signature(bench: Bench, nutror: Event) -> None:
    """Pictures come from the folder attachments/, and are put in once."""
    folder = bench.folder.parent / "attachments"
    folder.mkdir()
    for name in ("logo.png", "fundo.png", "assinatura.png"):
        (folder / name).write_bytes(png(40, 20 + len(name)))
    pictures = "logo: logo.png\nbackground: fundo.png\nsignature_image: assinatura.png\n"
    looks = f"page: portrait\nborder: line\n{pictures}"
    file = made(bench, named(nutror, "Maria"), PLAIN.replace("---\n", f"---\n{looks}", 1))
    document = opened(file)
    width, height = document[0].get_size()
    assert width < height
    assert sum(each.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for each in document[0].get_objects()) == 3
    again = made(bench, named(nutror, "Maria"), PLAIN.replace("---\n", f"---\n{looks}", 1))
    assert again == file


def test_a_font_of_ones_own_goes_first(bench: Bench, nutror: Event) -> None:
    """What it lacks is written with the usual one."""
    folder = bench.folder.parent / "attachments"
    folder.mkdir()
    (folder / "minha.ttf").write_bytes(myfont("ubuntu"))
    file = made(bench, named(nutror, "Maria محمد"), PLAIN.replace("---\n", "---\nfont: minha.ttf\n", 1))
    content = base64.b64decode(file.encoded)
    assert b"Ubuntu" in content
    assert b"FiraGO" in content
    assert "Maria" in text_of(file)


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("page: landscap", "page: expected one of landscape, portrait, did you mean 'landscape'?"),
        ("border: {{ data.border }}", "border: expected one of double, line, none"),
        ("color: blue", "color: expected a colour such as #1f4e79"),
        ("paper: #fff", "paper: expected a colour such as #1f4e79"),
        ("logo: logo.svg", "logo: expected a picture of the folder attachments/, .png or .jpg"),
        ("logo: nada.png", "there is no file"),
        ("logo: ../fora.png", "names no file of the folder attachments/"),
        ("logo: falso.png", "logo: is no PNG picture, or a broken one"),
        ("logo: meio.png", "logo: is no PNG picture, or a broken one"),
        ("background: enorme.png", "has 5000 by 5000 dots, and at most 12 millions are used"),
        ("background: gordo.jpg", "has 1.0 MiB, and at most 1 are sent"),
        ("font: falsa.ttf", "font: is no font that can be used, or a broken one"),
        ("font: letras.woff", "expected a font of the folder attachments/, .ttf or .otf"),
        ("subject: Oi", "unknown key 'subject' in the front matter"),
        ("name: {{ learner.nome }}", "'learner' has no 'nome', did you mean 'name'?"),
    ],
)
def test_a_front_matter_is_checked(bench: Bench, front: str, told: str) -> None:
    """Before anything is sent, with the line."""
    folder = bench.folder.parent / "attachments"
    folder.mkdir()
    (folder / "falso.png").write_bytes(b"GIF89a")
    (folder / "meio.png").write_bytes(png(300, 300)[:90])
    (folder / "enorme.png").write_bytes(png(5000, 5000))
    (folder / "gordo.jpg").write_bytes(bytes(PICTURE_BYTES + 1))
    (folder / "falsa.ttf").write_bytes(b"\0\1\0\0" + bytes(200))
    (complaint,) = wrong(bench, f"---\n{front}\n---\nOi")
    assert complaint.startswith("templates/certificado.md:2: ")
    assert told in complaint


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("- um\n- dois", "has a list"),
        ("> oi", "has a quotation"),
        ("### Oi", "has a heading of level 3"),
        ("*oi*", "has italics"),
        ("[oi](https://escola.example)", "has a link"),
        ("![oi](logo.png)", "has a picture"),
        ("***", "has a line across"),
        ("王", "has U+738B"),
        ("{{ learner.nome }}", "'learner' has no 'nome', did you mean 'name'?"),
    ],
)
def test_a_body_is_checked(bench: Bench, body: str, told: str) -> None:
    """What a certificate cannot show is refused rather than shown wrongly."""
    (complaint,) = wrong(bench, body)
    assert told in complaint


def test_line_breaks_and_indented_text(bench: Bench, nutror: Event) -> None:
    """A line that ends with a backslash is one; text inside of a condition may be indented."""
    body = "{% if learner %}\n    **Maria** \\\n    e João\n{% endif %}"
    assert text_of(made(bench, named(nutror, "x"), body)) == "Maria e João"


def test_a_template_that_is_missing_is_told(bench: Bench) -> None:
    bench.write("certificado.md", "Oi")
    (complaint,) = bench.complaints("certificados", Target.CERTIFICATE)
    assert "did you mean 'certificado'?" in complaint


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(name=st.text(max_size=60) | st.text("aÉß *_#~-\\[](){}<&\n\u200dنمकि่ส💜", max_size=60))
def test_no_name_breaks_it(bench: Bench, nutror: Event, name: str) -> None:
    """Whatever a learner is called, there is one page, or a reason with the letter that cannot be written."""
    bench.write("certificado.md", PLAIN)
    found = bench.say("certificado", named(nutror, name), Target.CERTIFICATE)
    if isinstance(found, RenderFailure):
        assert "has U+" in found.why
    else:
        assert isinstance(found, Attachment)
        assert len(opened(found)) == 1


def test_it_is_the_same_in_another_process(bench: Bench, nutror: Event) -> None:
    """Nothing hangs on the order of sets, which is another in each process."""
    file = made(bench, named(nutror, "Łukasz दीपा"))
    program = (
        "import sys, time\n"
        "from datetime import datetime\n"
        "from pathlib import Path\n"
        "from zoneinfo import ZoneInfo\n"
        "from bridge.core.messages import Slot, Target\n"
        "from bridge.rendering.renderer import Renderer\n"
        "zone = ZoneInfo('America/Sao_Paulo')\n"
        "renderer = Renderer(Path(sys.argv[1]), locale='pt_BR', timezone=zone, monotonic=time.monotonic)\n"
        "content, _ = renderer.content({'it': Slot(Target.CERTIFICATE, 'certificado')})\n"
        "facts = {'id': 'q8x0d2mzr5', 'learner': {'name': 'Łukasz दीपा'},"
        " 'course': {'title': 'Python Básico'}, 'producer': {'name': 'Escola Exemplo'},"
        " 'occurred_at': datetime.fromisoformat(sys.argv[2])}\n"
        "sys.stdout.buffer.write(content.render(facts)['it'].encoded)\n"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, bench.folder, nutror.occurred_at.isoformat()],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout == file.encoded


def test_fonts_that_were_tidied_away_are_written_anew(bench: Bench, nutror: Event) -> None:
    """Systems delete old files of /tmp, and the bridge runs for months."""
    made(bench, named(nutror, "x"))
    for folder in certificate_fonts._FOLDERS:
        shutil.rmtree(folder.name, ignore_errors=True)
    assert "Maria" in text_of(made(bench, named(nutror, "Maria")))


@pytest.mark.parametrize("library", ["fpdf", "pymupdf_fonts", "uharfbuzz"])
def test_without_the_extra_check_says_how_to_install_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    (complaint,) = wrong(bench, "Oi")
    assert MISSING in complaint
    assert "pip install 'course-bridge[pdf]'" in complaint
