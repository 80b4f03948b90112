"""Files at fixed places below the data root: read, listed, and downloaded whole or not at all."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from bench.data.card import Card
from bench.data.cards import card_rows, download_dataset, find_card, fingerprint_card, load_dataset
from bench.data.readers.files import is_present
from tests.data.loading import refusal

TABLE = b"a,b,label\n1,2,0\n3,5,1\n4,9,1\n"
SHA256 = hashlib.sha256(TABLE).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """An HTTP server on loopback: `files` by path, `asked` for what; /cut and /slow end early and half-way."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            httpd.asked.append(self.path)
            content = httpd.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            self.wfile.flush()
            httpd.halfway()
            if self.path != "/cut":
                self.wfile.write(content[half:])

        def log_message(self, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.asked, httpd.halfway = {"/t.csv": TABLE, "/cut": TABLE}, [], lambda: None
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def card(tmp_path):
    """Return a function that writes a card whose one file is fetched from a URL, and returns its path."""

    def write(url, sha256=SHA256, path="own/t.csv"):
        file = f'path = "{path}"\nurl = "{url}"\nsha256 = "{sha256}"\n'
        text = f'name = "own"\nloader = "files:table"\n[parameters.files.all]\n{file}'
        (tmp_path / "own.toml").write_text(text)
        return str(tmp_path / "own.toml")

    return write


def test_a_download_is_verified_and_then_read(server, card, tmp_path, cli):
    spec, root = card(f"{server.url}/t.csv"), tmp_path / "root"
    refused = refusal(load_dataset, spec, data_root=root)
    assert f"t.csv not found in {root / 'own'}; `deepclustbench datasets --download own` fetches it" in refused
    assert not is_present(find_card(spec), root)
    code, out, err = cli("datasets", "--download", spec, "--data-root", root)
    assert (code, err) == (0, "")
    assert "downloaded to" in out
    assert is_present(find_card(spec), root)
    assert load_dataset(spec, data_root=root).x.shape == (3, 2)
    assert [path.name for path in (root / "own").iterdir()] == ["t.csv"]


def test_an_existing_file_is_not_fetched_again(server, card, tmp_path):
    spec = card(f"{server.url}/t.csv")
    for _ in range(2):
        assert download_dataset(spec, tmp_path) == tmp_path / "own"
    assert server.asked == ["/t.csv"]


def test_a_file_appears_only_when_its_download_is_complete(server, card, tmp_path):
    seen = []
    server.halfway = lambda: seen.append((tmp_path / "own" / "t.csv").exists())
    download_dataset(card(f"{server.url}/t.csv"), tmp_path)
    assert seen == [False]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("/gone.csv", "404"),
        ("/cut", "check the network and the url in the card and try again"),
        (":1/t.csv", "(ConnectionError: "),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(server, card, tmp_path, where, message):
    url = f"http://127.0.0.1{where}" if where.startswith(":") else server.url + where
    refused = refusal(download_dataset, card(url), tmp_path / "root")
    assert f"download of data set 'own' from {url}" in refused
    assert message in refused
    assert str(tmp_path / "root" / "own" / "t.csv") in refused
    assert not [path for path in (tmp_path / "root").rglob("*") if path.is_file()]


def test_a_file_with_another_hash_is_refused_and_the_existing_one_stays(server, card, tmp_path, cli):
    spec = card(f"{server.url}/t.csv", sha256="0" * 64)
    assert "what was sent is not the file of the card (sha256 000" in refusal(download_dataset, spec, tmp_path)
    assert not list((tmp_path / "own").iterdir())
    (tmp_path / "own" / "t.csv").write_text("mine")
    code, _, err = cli("datasets", "--download", spec, "--data-root", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert [path.read_text() for path in (tmp_path / "own").iterdir()] == ["mine"]


def files_card(splits=("all",), **file):
    parameters = {"files": {"all": {"path": "t.csv", **file}}}
    return Card(name="own", loader="files:table", splits=splits, parameters=parameters)


@pytest.mark.parametrize("path", ["../t.csv", "/etc/passwd", "a/../../t.csv", "", "C:/t.csv", "a\\t.csv"])
def test_a_place_that_is_not_below_the_data_root_is_refused(tmp_path, path):
    for call in (load_dataset, download_dataset):
        refused = refusal(call, files_card(path=path), data_root=tmp_path)
        assert "card 'own': parameters.files.all.path:" in refused
        assert "is no place below the data root" in refused


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (files_card(url="file:///etc/passwd", sha256="0" * 64), "parameters.files.all.url: String should match"),
        (files_card(url="http://x/t", sha256="abc"), "parameters.files.all.sha256: String should match"),
        (files_card(adress="x"), "parameters.files.all.adress: Extra inputs are not permitted"),
        (files_card(splits=("all", "test")), "parameters.files has no 'test'"),
        (Card(name="own", loader="files:table"), "own"),
        (Card(name="own", loader="files:table", parameters={"files": 3}), "own"),
        (files_card(), "is not downloaded (its card has no url and sha256 for t.csv)"),
        (files_card(url="http://x/t"), "is not downloaded (its card has no url and sha256 for t.csv)"),
    ],
)
def test_a_card_that_says_wrongly_where_its_files_are_is_refused(tmp_path, card, message):
    assert message in refusal(download_dataset, card, data_root=tmp_path)
    (tmp_path / "t.csv").write_bytes(TABLE)
    if "not downloaded" not in message:
        refusal(load_dataset, card, data_root=tmp_path)
        assert not is_present(card, tmp_path)


def test_options_of_the_reader_are_checked_as_those_of_own_data(tmp_path):
    (tmp_path / "t.csv").write_bytes(TABLE)
    parameters = {"files": {"all": {"path": "t.csv"}}, "labl": "label"}
    card = Card(name="own", loader="files:table", parameters=parameters)
    assert "card 'own': parameters.labl: Unexpected keyword argument" in refusal(load_dataset, card, data_root=tmp_path)


def test_labels_are_the_cards_classes_in_the_order_that_it_gives(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[[7.0], [1.0], [7.0], [3.0]])
    parameters = {"files": {"all": {"path": "a.npz"}}, "labels": [1, 3, 7]}
    card = Card(name="own", loader="files:npz", classes=("one", "three", "seven"), parameters=parameters)
    assert load_dataset(card, data_root=tmp_path).y.tolist() == [2, 0, 2, 1]
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[7, 1, 6, 3])
    refused = refusal(load_dataset, card, data_root=tmp_path)
    assert "label '6' in row 2 is not in parameters.labels (1, 3, 7)" in refused


def test_an_array_file_of_splits_serves_every_split_of_a_card(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.eye(4), y_train=[0, 1, 0, 1], x_test=np.eye(4)[:2], y_test=[1, 0])
    files = {split: {"path": "a.npz"} for split in ("train", "test")}
    card = Card(name="own", loader="files:npz", splits=("train", "test"), parameters={"files": files})
    assert load_dataset(card, data_root=tmp_path).y.tolist() == [0, 1, 0, 1, 1, 0]


# built-in cards -------------------------------------------------------------------------------------------------------

CARDS = ["coil20_clip", "letter", "optdigits", "pendigits", "satimage", "vehicle", "weather"]
FILES = [(name, file) for name in CARDS for file in find_card(name).parameters["files"].values()]


@pytest.fixture
def field_root(data_root):
    """The data root, with the files of UCI and CLUBench in it; the test is skipped without them."""
    if not (data_root / "UCI").is_dir() or not (data_root / "CLUBench").is_dir():
        pytest.skip("needs UCI/ and CLUBench/ below DEEPCLUSTBENCH_DATA")
    return data_root


def as_uci_serves(path):
    """Return a file's bytes, numbers of pendigits padded with spaces as in UCI's own."""
    if not path.name.startswith("pendigits"):
        return path.read_bytes()
    rows = [line.replace(" ", "").split(",") for line in path.read_text().splitlines()]
    return "".join(",".join([*(v.rjust(3) for v in row[:-1]), row[-1].rjust(2)]) + "\n" for row in rows).encode()


@pytest.mark.parametrize("name", CARDS)
def test_the_data_of_uci_and_clubench_match_their_cards(name, field_root):
    card = find_card(name)
    data = load_dataset(name, data_root=field_root)
    assert "unknown" not in card.fingerprint.values()  # so the load above has verified it
    assert data.x.shape == (card.n, np.prod(card.shape))
    assert data.class_names == card.classes
    assert set(data.y.tolist()) == set(range(len(card.classes)))
    assert {row["name"]: row["present"] for row in card_rows(field_root)}[name]


@pytest.mark.parametrize(("name", "file"), FILES, ids=[file["path"] for _, file in FILES])
def test_a_card_has_the_hash_of_the_file_that_its_source_serves(name, file, field_root):
    assert hashlib.sha256(as_uci_serves(field_root / file["path"])).hexdigest() == file["sha256"]


def test_the_test_split_of_optdigits_is_scikit_learns_digits(field_root):
    ours, theirs = load_dataset("optdigits@test", data_root=field_root), load_dataset("digits")
    np.testing.assert_array_equal(ours.x, theirs.x)
    np.testing.assert_array_equal(ours.y, theirs.y)


def test_spaces_between_the_numbers_are_no_other_data(field_root, tmp_path):
    (tmp_path / "UCI").mkdir()
    for name in ("pendigits.tra", "pendigits.tes"):
        (tmp_path / "UCI" / name).write_bytes(as_uci_serves(field_root / "UCI" / name))
    assert fingerprint_card("pendigits", data_root=tmp_path) == fingerprint_card("pendigits", data_root=field_root)


def test_a_data_set_by_its_card_and_by_its_path_are_the_same_points(field_root):
    by_card = load_dataset("coil20_clip", data_root=field_root)
    path = field_root / "CLUBench" / "COIL20_CLIP.npz"
    by_path = load_dataset(Card(name="c", loader="npz", scaling="minmax", parameters={"path": str(path)}))
    np.testing.assert_array_equal(by_card.x, by_path.x)
    np.testing.assert_array_equal(by_card.y, by_path.y)
