"""What is read of a cluster.yaml, what is sent, and what wrong things are answered, up to real sockets."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from requests.utils import should_bypass_proxies

from study import launch
from study.remote import parcel, route, tunnel
from study.spec import StudySpec
from tests.study.made import make
from tests.study.remote.test_agent import finished
from tests.study.test_launch_errors import refused
from trainables.errors import ConfigError

CLUSTER = {
    "provider": {"type": "local", "head_ip": "127.0.0.9", "worker_ips": []},
    "auth": {"ssh_user": "researcher", "ssh_private_key": "~/.ssh/id"},
    "file_mounts": {"~/.ray/auth_token": "ray_token"},
    "head_start_ray_commands": ["ray stop", "ray start --head --dashboard-port=8300"],
}

GOOD = "provider: {type: local, head_ip: 127.0.0.9}, auth: {ssh_user: u}"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def cluster(**changes: object) -> str:
    Path("c.yaml").write_text(yaml.safe_dump(CLUSTER | changes))
    return "c.yaml"


def test_ssh_as_the_file_says() -> None:
    found = route.read(cluster())
    assert (found.head, found.user, found.port) == ("127.0.0.9", "researcher", 8300)
    command = found.tunnel("127.0.0.9", 5000)
    forward = "127.0.0.1:5000:127.0.0.1:8300"
    assert command[-7:] == ["-L", forward, "-l", "researcher", "--", "127.0.0.9", "cat"]
    assert command[command.index("-i") + 1].endswith("/.ssh/id")
    assert "BatchMode=yes" in command


def test_the_repositorys_cluster_yaml_is_one() -> None:
    found = route.read(str(Path(__file__).parents[3] / "cluster.yaml"))
    assert found.head == "192.0.2.10"
    assert found.token is not None
    assert found.port == route.PORT


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "cannot be read as YAML"),
        ("a: b", "is not a cluster.yaml as 'ray up' takes it"),
        ("just words", "is not a cluster.yaml"),
        ("kind: RayCluster", "kubectl port-forward"),
        (
            "{provider: {type: local, head_ip: -oX}, auth: {ssh_user: u}}",
            "provider.head_ip: got",
        ),
        ("{provider: {type: local, head_ip: h}, auth: {ssh_user: 'u x'}}", "auth.ssh_user: got 'u x'"),
        (f"{{{GOOD}, head_start_ray_commands: 5}}", "head_start_ray_commands: got 5, must be a list"),
        (f"{{{GOOD}, head_start_ray_commands: ['--dashboard-port=0']}}", "must be from 1 to 65535"),
        ("{provider: {type: aws}, auth: {ssh_user: u, ssh_private_key: 5}}", "ssh_private_key: got 5"),
        ("{provider: {type: aws}, auth: {ssh_user: u, ssh_private_key: [a]}}", "ssh_private_key: got ['a']"),
        ("{provider: {type: aws}, auth: {ssh_user: u, ssh_proxy_command: 5}}", "ssh_proxy_command: got 5"),
        ("[" * 6000, "cannot be read as YAML: RecursionError"),
    ],
)
def test_what_is_no_cluster_yaml(text: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text(text)
    (line,) = refused(["--submit", "c.yaml", "--list"], capsys)
    assert part in line


def test_all_that_is_wrong_with_it_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text(
        "{provider: {type: local}, auth: {ssh_private_key: 5}, head_start_ray_commands: 5}"
    )
    assert len(refused(["--submit", "c.yaml", "--list"], capsys)) == 4


def test_a_user_that_this_machine_has_not() -> None:
    """``~nosuch`` is a folder of that name then, as it is to a shell."""
    found = route.read(cluster(file_mounts={"~/.ray/auth_token": "~no-such-user/token"}))
    assert tunnel.token(found) == (None, "~no-such-user/token")
    with pytest.raises(ConfigError, match=r"no file ~no-such-user/c\.yaml"):
        route.read("~no-such-user/c.yaml")


def test_the_token_is_found_in_the_order_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    found = route.read(cluster())
    assert tunnel.token(found) == (None, "ray_token")
    Path("ray_token").write_text("of-yaml\n")
    assert tunnel.token(found) == ("of-yaml", "ray_token")
    assert tunnel.token(None)[0] is None
    Path("home/.ray").mkdir(parents=True)
    Path("home/.ray/auth_token").write_text("of-home")
    assert tunnel.token(None)[0] == "of-home"
    Path("other").write_text("of-path")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "other")
    assert tunnel.token(found) == ("of-path", "other")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-environment")
    assert tunnel.token(found) == ("of-environment", "RAY_AUTH_TOKEN")


@pytest.fixture
def server() -> Iterator[str]:
    """Answers as Ray's job server does to a token: none 401, wrong 403, right 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization")
            status = 401 if given is None else 200 if given == "Bearer right" else 403
            self.send_response(404 if self.path != "/api/version" else status)
            self.end_headers()
            self.wfile.write(b'{"ray_version": "1.2.3"}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, "the cluster wants a token and there is none (file); copy the head's ~/.ray/auth_token there"),
        ("wrong", "the cluster does not accept the token of file"),
    ],
)
def test_tokens_at_the_door(value: str | None, part: str, server: str) -> None:
    with pytest.raises(tunnel.NoWayError) as refusal:
        tunnel.check(server, (value, "file"), server)
    assert part in refusal.value.problems[0]
    assert tunnel.check(server, ("right", "file"), server) == "1.2.3"
    with pytest.raises(tunnel.NoWayError, match=r"the cluster runs Ray 1\.2\.3, this project Ray 2\."):
        tunnel.check_version("1.2.3")


@pytest.mark.parametrize("spelling", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_asked_for_this_machine_s_server(
    spelling: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would see the token, and look for the server on itself."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")  # and what it was, afterwards
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setattr(urllib.request, "_opener", None)  # which remembers the proxies of its first use
    monkeypatch.setenv(spelling, "localhost,.example.org")
    with pytest.raises(tunnel.NoWayError):
        tunnel.check(server, ("right", "file"), server)
    tunnel.directly("http://head.example.com:8265")
    assert os.environ[spelling] == "localhost,.example.org"
    tunnel.directly(server)
    assert tunnel.check(server, ("right", "file"), server) == "1.2.3"
    assert should_bypass_proxies(server, no_proxy=None)
    assert os.environ[spelling] == "localhost,.example.org,127.0.0.1"


def test_nobody_there() -> None:
    with pytest.raises(tunnel.NoWayError, match=r"no job server answers at port 1 .*is the cluster up"):
        tunnel.check("http://127.0.0.1:1", ("x", "file"), "port 1")


def test_ssh_reaches_nobody() -> None:
    found = route.read(cluster())
    with pytest.raises(tunnel.NoWayError, match=r"ssh does not reach the head as researcher@127\.0\.0\.9: "):
        tunnel.opened(found).__enter__()
    with pytest.raises(OSError, match=r"refused|No route|closed"):
        next(tunnel.ask(found, {"ask": "list", "roots": []}))


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--submit", "none.yaml"], "no file none.yaml"),
        (["--submit", "c.yaml", "--address", "auto"], "both name the cluster"),
        (["--list", "--follow", "a"], "--follow and --list: one of them at a time"),
        (["--fetch", "digits"], "--fetch: from where?"),
        (["--follow", "../x"], "--follow: got '../x', must be a study's name"),
        (["--address", "http://127.0.0.1:1", "--fetch", "a b"], "--fetch: got 'a b'"),
        (["--follow", "none"], "--follow: no study none (in studies)"),
        (["--submit", ""], "--submit: got '', must be the cluster.yaml"),
        (["--submit", "", "--list"], "--submit: got '', must be the cluster.yaml"),
        (["--follow", ""], "--follow: got '', must be a study's name"),
        (["--submit", "c.yaml", "--fetch", ""], "--fetch: got '', must be a study's name"),
        (["--submit", "c.yaml", "--resume", ""], "--resume: got '', must not be empty"),
        (
            ["--submit", "c.yaml", "--resume", "/a/b"],
            "--resume: got '/a/b', must be a study's name, e.g. digits;",
        ),
        (["--address", "", "--list"], "address: got '', must be HOST:PORT"),
        (["--follow", "a", "--output", ""], "output: got '', must be a folder"),
    ],
)
def test_wrong_command_lines(argv: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    cluster()
    (line,) = refused(argv, capsys)
    assert part in line


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--submit", "none.yaml", "--trials", "0"], ["no file none.yaml", "search.trials: got '0'"]),
        (["--address", "nonsense", "--trials", "0"], ["address: got 'nonsense'", "search.trials: got '0'"]),
        (["--submit", "", "--trials", "0"], ["--submit: got ''", "search.trials: got '0'"]),
        (["--submit", "none.yaml", "--follow", "", "--lst"], ["none.yaml", "--follow: got ''", "'--lst'"]),
        (["--submit", "none.yaml", "--resume", ".."], ["no file none.yaml", "--resume: got '..'"]),
        (
            ["--submit", "c.yaml", "--output", "", "--trials", "0"],
            ["no file c.yaml", "output", "search.trials"],
        ),
        (["--fetch", "", "--list"], ["one of them at a time", "--fetch: from where?", "--fetch: got ''"]),
    ],
)
def test_all_that_is_wrong_at_once(
    argv: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = refused(argv, capsys)
    assert len(lines) == len(parts)
    for part in parts:
        assert sum(part in line for line in lines) == 1, part


def test_a_list_of_what_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--list"]) == 0
    assert capsys.readouterr().out == "no studies in studies\n"
    finished(tmp_path / "studies" / "made")
    (tmp_path / "studies" / "broken").mkdir()
    (tmp_path / "studies" / "broken" / "study.json").write_text("{")
    assert launch.main(["--list"]) == 0
    head, broken, made = capsys.readouterr().out.splitlines()
    assert head.split() == ["study", "state", "trials", "best", "age"]
    assert broken.split()[:3] == ["broken", "damaged", "0"]
    assert made.split()[:3] == ["made", "complete", "7"]
    assert "nothing at 90% sparsity yet; hypervolume 0." in made


def test_the_parcel_holds_the_code_the_spec_and_the_users_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mynet_sent.py").write_text("import mylayers_sent\nNet = None\n")
    (tmp_path / "mylayers_sent.py").write_text("")
    (tmp_path / "unrelated_sent.py").write_text("")
    spec = make(space={"function": ""})
    train = spec.train.model_copy(update={"network": "mynet_sent:Net", "data_dir": "data"})
    there = parcel.at_home(spec.model_copy(update={"train": train}))
    assert there.resources.output == "~/studies"
    assert there.train.data_dir == "~/data"
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = parcel.own_modules([there.train.network, there.space.function, None])
    assert sorted(path.name for path in modules) == ["mylayers_sent.py", "mynet_sent.py"]
    folder = tmp_path / "parcel"
    folder.mkdir()
    size = parcel.pack(folder, parcel.at_home(spec), modules)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"study.yaml", "mynet_sent.py", "study/launch.py", "trainables/config.py"} <= names
    assert {"study/presets/digits.yaml", "analysis/report.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".", "tests"))]
    assert size == sum((folder / name).stat().st_size for name in names) < 5 * 2**20
    again = StudySpec.model_validate(yaml.safe_load((folder / "study.yaml").read_text()))
    assert again == parcel.at_home(spec)


def test_too_much_code_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "fat").mkdir()
    with (tmp_path / "fat" / "data.bin").open("wb") as file:
        file.truncate(parcel.LARGEST_MIB * 2**20)
    (tmp_path / "parcel").mkdir()
    with pytest.raises(ConfigError, match=r"the largest file is fat/data\.bin; at most 100 MiB"):
        parcel.pack(tmp_path / "parcel", None, [tmp_path / "fat"])
