"""`make remote`: what it writes, what it installs, and which URLs it refuses before it does either."""

import importlib.metadata
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

from pricefuse.pipeline.remote import pip_install, set_remote
from pricefuse.pipeline.remote_url import KINDS, checked_kind

import pytest
from dvc.config_schema import REMOTE_SCHEMAS
from paths import ROOT

from pricefuse.errors import InputError


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("initial")
    for command in ("git init -q", "dvc init -q"):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    return folder


@pytest.fixture
def checkout(tmp_path, initial):
    """Return a git and DVC repository of its own, without a remote."""
    return shutil.copytree(initial, tmp_path / "checkout")


@pytest.fixture
def name(checkout):
    """Name a remote; return what is said, in one string. No plug-in is installed: which would be, is in `installed`."""
    installed = []

    def name(url, endpoint=""):
        return "\n".join(set_remote(url, endpoint, checkout, installed.append))

    name.installed = installed
    return name


def config(checkout):
    return (checkout / ".dvc/config").read_text()


def test_a_url_becomes_the_default_remote_and_again_changes_nothing(checkout, name):
    said = name("s3://bucket/prices", "http://127.0.0.1:9000")
    assert "Next: git commit -m 'Name the remote' .dvc/config && git push && dvc push" in said
    assert "dvc remote modify --local team <option> ... (access_key_id, secret_access_key)" in said
    written = config(checkout)
    assert written == (
        "[core]\n    analytics = false\n    remote = team\n"
        "['remote \"team\"']\n    url = s3://bucket/prices\n    endpointurl = http://127.0.0.1:9000\n"
    )
    before = (checkout / ".dvc/config").stat()
    for again in (("s3://bucket/prices", "http://127.0.0.1:9000"), ("s3://bucket/prices/", ""), ("", "")):
        assert "team already is s3://bucket/prices" in name(*again)
    assert (checkout / ".dvc/config").stat() == before
    assert name.installed == []  # requirements.txt has S3's


def test_another_url_replaces_the_remote_with_its_endpoint_and_says_so(checkout, name):
    name("s3://bucket/prices", "http://127.0.0.1:9000")
    assert "team: endpoint http://127.0.0.1:9001" in name("s3://bucket/prices", "http://127.0.0.1:9001")
    assert "It replaces s3://bucket/prices: what lies there stays there" in name("s3://other", "http://127.0.0.1:9001")
    assert "url = s3://other\n    endpointurl = http://127.0.0.1:9001\n" in config(checkout)
    name("ssh://me@host:2222/srv/prices")
    assert "other" not in config(checkout)
    assert "endpointurl" not in config(checkout)
    assert "url = ssh://me@host:2222/srv/prices" in config(checkout)


def test_a_remote_that_is_not_the_default_becomes_it(checkout, name):
    name("s3://bucket/prices")
    written = config(checkout)
    (checkout / ".dvc/config").write_text(written.replace("remote = team", "remote = other"))
    assert "is the default remote now" in name("")
    assert config(checkout) == written


def test_a_folder_is_found_from_the_checkout_wherever_its_config_lies(checkout, name):
    assert "relative to the checkout" in name("../team data")
    assert "url = ../../team data" in config(checkout)  # DVC reads it from .dvc
    written = config(checkout)
    assert "nothing to change" in name(str(checkout.parent / "team data"))
    assert config(checkout) == written
    assert "relative" not in name(str(checkout.parent / "elsewhere"))
    assert f"url = {checkout.parent / 'elsewhere'}" in config(checkout)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/x", "ftp:// is no kind of remote.* Known: a folder, s3://, gs://, azure://, ssh://, http"),
        ("S3://bucket/x", "S3:// is no kind"),
        ("host:/srv/prices", "host: ... is neither a folder nor a URL: ssh://host/path"),
        ("s3:///prices", "no bucket after s3://"),
        ("https:///prices", "no host after https://"),
        ("ssh://host:port/x", "a number as its port"),
        ("shared", "lies in this checkout, which no team mate can reach"),
        (".", "lies in this checkout"),
        ("../checkout/.dvc/cache", "lies in this checkout"),
        ("../file", "is a file"),
        ("", "name where the team's data is to lie .*make remote URL="),
    ],
)
def test_what_is_no_remote_is_refused(checkout, name, url, message):
    (checkout.parent / "file").touch()
    before = config(checkout)
    with pytest.raises(InputError, match=message):
        name(url)
    assert config(checkout) == before


@pytest.mark.parametrize(
    ("url", "endpoint", "message"),
    [
        ("ssh://host/x", "http://host:9000", "it goes with an s3:// URL"),
        ("../team", "http://host:9000", "it goes with an s3:// URL"),
        ("s3://bucket", "host:9000", "is no address of a server"),
        ("s3://bucket", "http://", "is no address of a server"),
    ],
)
def test_an_endpoint_is_the_address_of_an_s3_server(checkout, name, url, endpoint, message):
    with pytest.raises(InputError, match=message):
        name(url, endpoint)
    assert "team" not in config(checkout)


SECRET = "hunter2Zq"
KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
LEAKS = [
    f"https://me:{SECRET}@host/x",
    f"https://{SECRET}@host/x",  # a token goes for a user's name
    f"webdavs://me:{SECRET}@host/x",
    f"ssh://me:{SECRET}@host/x",
    f"ssh://me%3A{SECRET}@host/x",
    f"ssh://me:pass/{SECRET}@host/x",
    f"ssh://me:1/{SECRET}@host/x",
    f"s3://{KEY_ID}:{SECRET}@bucket/x",
    f"s3://bucket/{KEY_ID}",
    f"s3://bucket/x?X-Amz-Credential={SECRET}",
    f"https://host/x?token={SECRET}",
    f"https://host/x#{SECRET}",
    f"azure://container/x?sv=2024&sig={SECRET}",
    f"azure://container/x;AccountKey={SECRET}",
    f"gs://bucket/x?access_token={SECRET}",
    f"../team;secret_access_key={SECRET}",
    f"../{KEY_ID}",
    f"{KEY_ID}:{SECRET}@s3://bucket",
]


@pytest.mark.parametrize("url", LEAKS)
def test_a_url_with_a_secret_is_refused_and_neither_written_nor_repeated(checkout, name, url):
    before = config(checkout)
    with pytest.raises(InputError) as refused:
        name(url)
    message = str(refused.value)
    assert "is no kind of remote" in message or "dvc remote modify --local team" in message
    assert SECRET not in message
    assert KEY_ID not in message
    assert config(checkout) == before
    assert name.installed == []


@pytest.mark.parametrize("endpoint", [f"https://me:{SECRET}@host:9000", f"me:{SECRET}@host", f"http://host?a={SECRET}"])
def test_an_endpoint_with_a_secret_is_refused_and_neither_written_nor_repeated(checkout, name, endpoint):
    with pytest.raises(InputError, match="dvc remote modify --local team") as refused:
        name("s3://bucket/x", endpoint)
    assert SECRET not in str(refused.value)
    assert "team" not in config(checkout)


@pytest.mark.parametrize(
    "url",
    ["ssh://me@host/x", "ssh://first.last-2@host:22/~/x", "s3://bucket/me@corp/a=b", "/mnt/key/design=1", "../a?b#c"],
)
def test_what_only_resembles_a_secret_is_a_remote(checkout, url):
    checked_kind(url, checkout)


def test_a_secret_that_dvc_keeps_for_this_machine_is_not_seen_by_git(checkout, name):
    name("s3://bucket/x")
    modify = ["dvc", "remote", "modify", "--local", "team", "secret_access_key", SECRET]
    subprocess.run(modify, cwd=checkout, check=True, capture_output=True)
    assert SECRET in (checkout / ".dvc/config.local").read_text()
    subprocess.run(["git", "add", "-A"], cwd=checkout, check=True)
    staged = subprocess.run(["git", "diff", "--cached"], cwd=checkout, check=True, capture_output=True, text=True)
    assert "s3://bucket/x" in staged.stdout
    assert SECRET not in staged.stdout


def test_this_machines_options_of_another_kind_are_named_before_dvc_fails_with_them(checkout, name):
    name("s3://bucket/x")
    local = checkout / ".dvc/config.local"
    local.write_text("['remote \"team\"']\n    access_key_id = me\n")
    with pytest.raises(InputError, match=r"\(access_key_id\): `dvc remote remove --local team` drops them"):
        name("ssh://host/x")
    assert "url = s3://bucket/x" in config(checkout)
    subprocess.run(["dvc", "remote", "remove", "--local", "team"], cwd=checkout, check=True, capture_output=True)
    name("ssh://host/x")
    local.write_text("[core]\n    remote = mine\n['remote \"mine\"']\n    url = /tmp/mine\n")
    assert (
        "this machine's own settings (.dvc/config.local) name another, which DVC takes here: mine: /tmp/mine"
        in name("")
    )


def test_a_config_that_cannot_be_read_is_named(checkout, name):
    (checkout / ".dvc/config").write_text("<<<<<<< HEAD\n")
    with pytest.raises(InputError, match=r"\.dvc/config or config.local cannot be read"):
        name("s3://bucket/x")


@pytest.fixture
def plug_ins(monkeypatch):
    """Let the environment have exactly these of the plug-ins that are installed on demand, by name and version."""
    found = {}

    def version(name):
        if any(kind.plug_in and kind.plug_in.startswith(f"{name}==") for kind in KINDS.values()):
            if name not in found:
                raise PackageNotFoundError(name)
            return found[name]
        return importlib.metadata.version(name)

    monkeypatch.setattr("pricefuse.pipeline.remote.version", version)
    return found


@pytest.mark.parametrize("scheme", KINDS)
def test_a_plug_in_that_is_missing_is_installed_before_anything_is_written(checkout, plug_ins, scheme):
    plug_in, installed = KINDS[scheme].plug_in, []

    def name():
        set_remote(f"{scheme}://host/x", "", checkout, lambda pin: installed.append((pin, "team" in config(checkout))))

    name()
    assert f"url = {scheme}://host/x" in config(checkout)
    package, _, pin = (plug_in or "").partition("==")
    assert installed == [(plug_in, False)] * bool(pin)
    plug_ins |= {package: pin}
    name()
    assert len(installed) == bool(pin)
    plug_ins |= {package: "0.1"}  # one that this version of DVC need not know
    name()
    assert len(installed) == 2 * bool(pin)


@pytest.mark.parametrize("scheme", KINDS)
def test_each_kind_is_one_of_dvc_with_its_options_and_a_plug_in_in_one_version(scheme):
    kind = KINDS[scheme]
    assert set(kind.secrets) <= set(REMOTE_SCHEMAS[scheme])
    pins = {line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("dvc-")}
    if kind.plug_in is None:
        assert scheme in ("http", "https")
    elif "==" not in kind.plug_in:
        assert [pin for pin in pins if pin.startswith(f"{kind.plug_in}==")]
    else:
        assert not [pin for pin in pins if pin.startswith(kind.plug_in.partition("==")[0])]


def test_pip_installs_within_the_constraints_and_a_failure_leaves_the_remote(monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nothing is fetched: what is asked for is there, or is nowhere
    pip_install("dvc-s3")
    with pytest.raises(InputError, match="dvc-s3==3.2.0 could not be installed.* The remote is as it was"):
        pip_install("dvc-s3==3.2.0")
    assert "conflicting" in capfd.readouterr().err


def test_the_command_names_the_remote_and_exits_with_1_for_what_it_refuses(checkout):
    command = [sys.executable, "-m", "pricefuse.pipeline.remote"]
    done = subprocess.run([*command, "s3://bucket/x", ""], cwd=checkout, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("team: s3://bucket/x\nNext: git commit")
    refused = subprocess.run([*command, LEAKS[0]], cwd=checkout, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the URL carries a user's name or password")
    assert SECRET not in refused.stderr + refused.stdout
