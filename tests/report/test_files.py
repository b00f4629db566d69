"""Reports are written whole, and never over what another program wrote."""

import pytest

from proofolio.errors import BadData
from proofolio.report.files import make_folder, write_document, write_markdown, write_page
from proofolio.report.page import page


@pytest.mark.parametrize("theirs", ["<!DOCTYPE html><p>mine</p>", '{"source": "mine"}', "\x00"])
def test_files_of_others_are_refused_before_the_work_and_after_it(tmp_path, theirs):
    for name, write in (
        ("r.html", lambda p: write_page(p, page("A", "b", []))),
        ("f.json", lambda p: write_document(p, {})),
        ("t.md", lambda p: write_markdown(p, "# Title")),
    ):
        (tmp_path / name).write_text(theirs, encoding="utf-8")
        with pytest.raises(BadData, match=rf"{name} is there already and was not written by proofolio"):
            make_folder(tmp_path, (name,))
        with pytest.raises(BadData, match="not written by proofolio"):
            write(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == theirs


def test_our_own_are_written_again(tmp_path):
    for count in (1, 2):
        make_folder(tmp_path, ("r.html", "f.json", "t.md"))
        write_markdown(tmp_path / "t.md", f"# Report {count}")
        write_page(tmp_path / "r.html", page(f"Report {count}", "lead", []))
        write_document(tmp_path / "f.json", {"count": count})
    assert "Report 2" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert '"count": 2' in (tmp_path / "f.json").read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.json", "r.html", "t.md"]


def test_what_breaks_while_writing_leaves_the_old_file(tmp_path):
    old = page("Old", "lead", [])
    write_page(tmp_path / "r.html", old)
    with pytest.raises(UnicodeEncodeError):
        write_page(tmp_path / "r.html", page("New \ud800", "lead", []))
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == old
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "r.html").mkdir()
    with pytest.raises(BadData, match=r"r.html cannot be written"):
        make_folder(tmp_path, ("r.html",))


def test_a_file_that_the_user_named_is_written_over_and_keeps_its_link(tmp_path):
    mine, link = tmp_path / "mine.html", tmp_path / "link.html"
    mine.write_text("mine", encoding="utf-8")
    link.symlink_to(mine)
    new = page("New", "lead", [])
    write_page(link, new, named=True)
    assert link.is_symlink()
    assert mine.read_text(encoding="utf-8") == new
    write_document(tmp_path / "values.json", {"values": {}}, named=True)
    assert (tmp_path / "values.json").read_text(encoding="utf-8") == '{\n  "values": {}\n}\n'
