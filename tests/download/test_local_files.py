import os

import pytest

from pricefuse.download.local_files import LocalImages, OutsideFolderError, UnreadableFileError, has_scheme
from pricefuse.errors import InputError


@pytest.fixture
def catalog(tmp_path):
    """A catalog folder with images beside a folder that is none of its business."""
    for name in ("catalog/images", "catalog/photos", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "outside/secret.jpg").write_bytes(b"secret")
    return tmp_path / "catalog"


def put(catalog, *names):
    for name in names:
        (catalog / name).write_bytes(name.encode())


def found(catalog, sample_id="1", link=""):
    path = LocalImages(catalog).find(sample_id, link)
    return None if path is None else path.relative_to(catalog).as_posix()


@pytest.mark.parametrize("extension", ["jpg", "JPG", "jpeg", "png", "webp", "gif"])
def test_a_file_named_by_the_sample_id_is_found_with_any_image_extension(catalog, extension):
    put(catalog, f"images/4711.{extension}")
    assert found(catalog, "4711") == f"images/4711.{extension}"
    assert found(catalog, "471") is None


@pytest.mark.parametrize(
    "link",
    [
        "https://images.example/I/71abc+d.jpg",
        "https://images.example/I/71abc%2Bd.jpg",
        "https://images.example/I/71abc+d.jpg?width=300#top",
        "https://images.example/I/71abc+d.png",
        "https://images.example/I/71abc+d",
        "I/71abc+d.jpg",
        "71abc+d.jpg",
    ],
)
def test_a_file_named_by_the_last_part_of_the_link_is_found(catalog, link):
    put(catalog, "images/71abc+d.jpg")
    assert found(catalog, link=link) == "images/71abc+d.jpg"


def test_a_dot_within_a_name_does_not_begin_an_extension(catalog):
    put(catalog, "images/71abc._SL500_.jpg")
    assert found(catalog, link="https://images.example/71abc._SL500_.png") == "images/71abc._SL500_.jpg"
    assert found(catalog, link="https://images.example/71abc._SL200_.jpg") is None
    assert found(catalog, link="https://images.example/71abc.jpg") is None


def test_the_sample_id_beats_the_link(catalog):
    put(catalog, "images/1.png", "images/a.jpg")
    assert found(catalog, "1", "https://images.example/a.jpg") == "images/1.png"


def test_the_exact_name_beats_another_extension(catalog):
    put(catalog, "images/a.gif", "images/a.jpg", "images/a.png")
    assert found(catalog, link="https://images.example/a.png") == "images/a.png"
    assert found(catalog, link="https://images.example/a.webp") == "images/a.gif"


def test_a_folder_is_no_file(catalog):
    (catalog / "images/1.jpg").mkdir()
    (catalog / "photos/a.jpg").mkdir()
    assert found(catalog, "1") is None
    assert found(catalog, link="photos/a.jpg") is None


def test_no_images_folder_is_no_images(tmp_path):
    assert found(tmp_path, "1", "https://images.example/1.jpg") is None


def test_a_link_without_scheme_is_a_path_in_the_catalog_folder(catalog):
    put(catalog, "photos/a.jpg")
    assert found(catalog, link="photos/a.jpg") == "photos/a.jpg"
    assert found(catalog, link="photos/none.jpg") is None


@pytest.mark.parametrize(
    "link",
    [
        "../outside/secret.jpg",
        "photos/../../outside/secret.jpg",
        "{outside}/secret.jpg",
        "/etc/hostname",
        "..",
        "//a/b",
    ],
)
def test_a_path_that_leaves_the_catalog_folder_is_refused(catalog, link):
    with pytest.raises(OutsideFolderError, match="path leaves the catalog folder"):
        found(catalog, link=link.format(outside=catalog.parent / "outside"))


def test_a_symbolic_link_that_leaves_the_catalog_folder_is_refused(catalog):
    (catalog / "photos/a.jpg").symlink_to(catalog.parent / "outside/secret.jpg")
    (catalog / "elsewhere").symlink_to(catalog.parent / "outside")
    for link in ("photos/a.jpg", "elsewhere/secret.jpg"):
        with pytest.raises(OutsideFolderError):
            found(catalog, link=link)


def test_a_symbolic_link_within_the_catalog_folder_is_followed(catalog):
    put(catalog, "photos/a.jpg")
    (catalog / "photos/b.jpg").symlink_to("a.jpg")
    assert found(catalog, link="photos/b.jpg") == "photos/b.jpg"


def test_a_listed_image_may_be_a_link_into_a_cache_and_so_may_the_catalog_folder(catalog):
    (catalog / "images/1.jpg").symlink_to(catalog.parent / "outside/secret.jpg")
    assert found(catalog, "1") == "images/1.jpg"
    put(catalog, "photos/a.jpg")
    linked = catalog.parent / "linked"
    linked.symlink_to(catalog)
    assert found(linked, "2", "photos/a.jpg") == "photos/a.jpg"


@pytest.mark.parametrize("name", ["../../outside/secret", "..", ".", "", "images/../1", "/etc/hostname", "a\0b"])
def test_a_sample_id_never_becomes_a_path(catalog, name):
    put(catalog, "images/1.jpg")
    assert found(catalog, name) is None


@pytest.mark.parametrize(
    "link", ["a\0b.jpg", "x" * 5000, "https://[", "https://images.example/", "https://images.example/..%2f..%2foutside"]
)
def test_a_senseless_link_finds_nothing(catalog, link):
    put(catalog, "images/1.jpg")
    assert found(catalog, "none", link) is None


def test_a_cycle_of_symbolic_links_finds_nothing(catalog):
    (catalog / "photos/a.jpg").symlink_to("b.jpg")
    (catalog / "photos/b.jpg").symlink_to("a.jpg")
    assert found(catalog, link="photos/a.jpg") is None


def cycle(path):
    """Make `path` a symbolic link to itself."""
    path.symlink_to(path.name)
    return path


def test_a_listed_image_that_leads_in_a_circle_cannot_be_read_and_disturbs_no_other(catalog):
    cycle(catalog / "images/1.jpg")
    put(catalog, "images/2.jpg")
    for sample_id, link in (("1", ""), ("none", "https://images.example/1.png")):
        with pytest.raises(UnreadableFileError, match="file cannot be read"):
            found(catalog, sample_id, link)
    assert found(catalog, "2") == "images/2.jpg"
    assert found(catalog, "3") is None


def test_a_listed_link_into_a_folder_that_may_not_be_entered_cannot_be_read(catalog, monkeypatch):
    put(catalog, "images/1.jpg")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    class Entry:
        name, is_file = "1.jpg", refuse

    class Entries(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("pricefuse.download.local_files.os.scandir", lambda _: Entries([Entry()]))
    with pytest.raises(UnreadableFileError):
        found(catalog, "1")


@pytest.mark.parametrize("kind", ["cycle", "nowhere", "file", "unreadable"])
def test_an_images_that_cannot_be_listed_is_one_clear_error(tmp_path, kind, monkeypatch):
    images = tmp_path / "images"
    if kind == "cycle":
        cycle(images)
    elif kind == "nowhere":
        images.symlink_to("none")
    elif kind == "file":
        images.write_bytes(b"")
    else:
        images.mkdir()

        def refuse(_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pricefuse.download.local_files.os.scandir", refuse)
    with pytest.raises(InputError, match=r"images: cannot be listed \(.+\)\. Make it a readable folder of images"):
        LocalImages(tmp_path)


def test_an_images_that_is_a_link_to_a_folder_is_listed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.jpg").write_bytes(b"")
    (tmp_path / "images").symlink_to("elsewhere")
    assert found(tmp_path, "1") == "images/1.jpg"


def test_a_pipe_is_not_opened(catalog):
    os.mkfifo(catalog / "images/1.jpg")
    os.mkfifo(catalog / "photos/a.jpg")
    assert found(catalog, "1", "photos/a.jpg") is None


def test_what_has_a_scheme_is_no_path():
    assert all(map(has_scheme, ("https://a/b", "HTTP://a", "file:///etc", "data:,x", "C:\\a.jpg")))
    assert not any(map(has_scheme, ("a.jpg", "a/b:c.jpg", "/a", "../a", "", "1:a")))
