#!/bin/sh
# The control socket: what a client may send, and what it cannot do to a node.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

start_node a --topic t
cat >client.py <<'PY'
import json, os, resource, socket, sys, time

PATH = sys.argv[1]


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(PATH)
        self.rest = b""

    def send(self, *objects):
        data = b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n"
                        for o in objects)
        self.s.sendall(data)

    def line(self):
        while b"\n" not in self.rest:
            got = self.s.recv(1 << 16)
            if not got:
                return None
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, o):
        self.send(o)
        return self.line()

    def close(self):
        self.s.close()


def begin(text):
    print("-", text, flush=True)


def no(answer, error):
    assert answer["ok"] is False and answer["error"] == error and answer["text"], answer


begin("requests that make no sense get typed errors, and the connection stays")
c = Client()
for bad in (b"\n", b"{\n", b"nonsense\n", b"[]\n", b'"op"\n', b"{}\n", b'{"op":1}\n', b"\xff\xfe\n",
            b'{"op":"peers"} x\n', b'{"op":"peers","op":"peers"}\n', b'{"op":"peers","x":1}\n',
            b'{"op":"publish"}\n', b'{"op":"publish","topic":"t"}\n',
            b'{"op":"publish","topic":"","text":"x"}\n',
            b'{"op":"publish","topic":"t","text":"x","base64":"eA=="}\n',
            b'{"op":"publish","topic":"t","text":7}\n',
            b'{"op":"publish","topic":"t","text":"a\\u0000b"}\n',
            b'{"op":"publish","topic":"t","base64":"eA="}\n',
            b'{"op":"publish","topic":"t","base64":"eB=="}\n',
            b'{"op":"publish","topic":"t","base64":"e\\n=="}\n',
            b'{"op":"publish","topic":"' + b"x" * 256 + b'","text":"x"}\n',
            b'{"op":"subscribe","topic":"t","own":"yes"}\n', b'{"op":"join"}\n',
            b'{"op":"subscribe","topic":"t","since_ms":-1}\n',
            b'{"op":"subscribe","topic":"t","since_ms":"1h"}\n',
            b'{"op":"members","peer":"abcdef"}\n', b'{"op":"force_leave"}\n',
            b'{"op":"contact_add","peer":""}\n', b'{"op":"contact_rm","peer":7}\n',
            b'{"op":"meta_set"}\n', b'{"op":"meta_set","base64":"x"}\n',
            b'{"op":"contact_add","peer":"' + b"a" * 121 + b'"}\n',
            b"[" * 5000 + b"\n"):
    no(c.ask(bad), "SG_ERR_MALFORMED")
no(c.ask({"op": "fly"}), "SG_ERR_UNSUPPORTED")
no(c.ask({"op": "publish", "topic": "t", "text": "x" * 16777217}), "SG_ERR_TOO_LARGE")
no(c.ask({"op": "join", "seed": "nonsense"}), "SG_ERR_INVALID_ARGUMENT")
no(c.ask({"op": "meta_set", "text": "x" * 513}), "SG_ERR_TOO_LARGE")
no(c.ask({"op": "force_leave", "peer": "abcde"}), "SG_ERR_INVALID_ARGUMENT")
no(c.ask({"op": "force_leave", "peer": "abcdef"}), "SG_ERR_NOT_FOUND")
no(c.ask({"op": "contact_add", "peer": "abcdef"}), "SG_ERR_NOT_FOUND")
no(c.ask({"op": "contact_add", "peer": "a" * 52 + "@nowhere"}), "SG_ERR_INVALID_ARGUMENT")
no(c.ask({"op": "contact_rm", "peer": "a" * 52}), "SG_ERR_NOT_FOUND")
assert c.ask({"op": "members"}) == {"ok": True, "op": "members", "members": []}
assert c.ask({"op": "contacts"}) == {"ok": True, "op": "contacts", "contacts": []}
assert c.ask({"op": "status"})["ok"] is True
assert c.ask({"op": "peers"}) == {"ok": True, "op": "peers", "peers": []}

begin("a line that is too long: an answer, then the connection ends")
c.send(b"x" * (2 * 16777216 + 4096 + 1) + b"\n")
no(c.line(), "SG_ERR_TOO_LARGE")
assert c.line() is None

begin("answers come in the order of the requests, however the bytes are cut")
c = Client()
requests = [{"op": "publish", "topic": "t", "text": str(i)} for i in range(300)]
data = b"".join(json.dumps(r).encode() + b"\n" for r in requests)
at = 0
while at < len(data):
    step = 1 + (at * 7919) % 997
    c.s.sendall(data[at:at + step])
    at += step
sequences = [int(c.line()["sequence"]) for _ in requests]
assert sequences == list(range(sequences[0], sequences[0] + 300)), sequences
c.close()

begin("a client that ends its side still gets its answers")
c = Client()
c.send({"op": "status"}, {"op": "peers"})
c.s.shutdown(socket.SHUT_WR)
assert c.line()["op"] == "status" and c.line()["op"] == "peers" and c.line() is None

begin("messages stream to their subscribers only, with bytes as they are")
a, b, e = Client(), Client(), Client()
assert a.ask({"op": "subscribe", "topic": "t", "own": True})["ok"]
assert b.ask({"op": "subscribe", "topic": "t"})["ok"]
assert e.ask({"op": "events"})["ok"]
before = time.monotonic_ns()
sent = c = Client()
answer = sent.ask({"op": "publish", "topic": "t", "base64": "AAEC/w=="})
message = a.line()
assert message["event"] == "message" and message["id"] == answer["id"], message
assert message["base64"] == "AAEC/w==" and "text" not in message
assert before <= answer["published_ns"] <= message["received_ns"] <= time.monotonic_ns()
assert message["hops"] == 0 and message["author"] == message["last_hop"]
assert b.ask({"op": "peers"})["op"] == "peers"
for i in range(7):
    assert a.ask({"op": "subscribe", "topic": "x%d" % i})["ok"]
no(a.ask({"op": "subscribe", "topic": "one too many"}), "SG_ERR_LIMIT")
status = a.ask({"op": "status"})
assert {t["name"] for t in status["topics"]} == {"t"} | {"x%d" % i for i in range(7)}, status
assert [t["subscriptions"] for t in status["topics"] if t["name"] == "t"] == [3]
for x in (a, b, e):
    x.close()

begin("a slow client loses messages of its own, is told so, and delays nobody")
slow = Client()
assert slow.ask({"op": "subscribe", "topic": "t", "own": True})["ok"]
count = 3000
pipe, worst = 0, 0.0
for i in range(count):
    started = time.monotonic()
    answer = sent.ask({"op": "publish", "topic": "t", "text": "%06d" % i + "x" * 1000})
    while answer.get("error") == "SG_ERR_WOULD_BLOCK":
        time.sleep(0.01)
        answer = sent.ask({"op": "publish", "topic": "t", "text": "%06d" % i + "x" * 1000})
    assert answer["ok"], answer
    worst = max(worst, time.monotonic() - started)
got, dropped, last = 0, 0, -1
while last != count - 1:
    o = slow.line()
    if o["event"] == "dropped":
        assert o["topic"] == "t"
        dropped += o["count"]
    else:
        number = int(o["text"][:6])
        assert number > last, "out of order"
        last = number
        got += 1
assert dropped > 0 and got + dropped == count, (got, dropped)
assert worst < 5, worst
slow.close()

begin("requests of a client that reads no answers are not read either")
greedy = Client()
greedy.s.setblocking(False)
flood = b'{"op":"status"}\n' * 1000
total = 0
give_up = time.monotonic() + 10
quiet = 0
while quiet < 20 and total < 64 << 20 and time.monotonic() < give_up:
    try:
        total += greedy.s.send(flood)
        quiet = 0
    except BlockingIOError:
        quiet += 1
        assert sent.ask({"op": "peers"})["ok"]
        time.sleep(0.01)
assert quiet == 20, "the node reads for ever: %d bytes" % total
greedy.close()

begin("too many clients: the next one is told, and there is room again later")
many = [Client() for _ in range(63)]
for m in many:
    assert m.ask({"op": "peers"})["ok"]
no(Client().line(), "SG_ERR_LIMIT")
for m in many:
    m.close()
deadline = time.monotonic() + 20
while True:
    answer = Client().ask({"op": "peers"})
    if answer["ok"]:
        break
    assert time.monotonic() < deadline
    time.sleep(0.05)

begin("without descriptors the node rests instead of spinning, and takes clients up again later")
pid = sent.ask({"op": "status"})["pid"]


def cpu_s():
    fields = open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


deadline = time.monotonic() + 20
while sent.ask({"op": "status"})["clients"] > 1:
    assert time.monotonic() < deadline
    time.sleep(0.05)
old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
there = {int(fd) for fd in os.listdir("/proc/%d/fd" % pid)}
free = [fd for fd in range(1024) if fd not in there]
resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[3], old[1])) # room for three
many = [Client() for _ in range(30)]
for m in many:
    m.send({"op": "peers"})
assert sent.ask({"op": "peers"})["ok"]
before, began = cpu_s(), time.monotonic()
while time.monotonic() < began + 2:
    time.sleep(0.1)
used = cpu_s() - before
assert used < 0.2, "%.2f s of CPU in two idle seconds" % used
unserved = 0
for m in many:
    m.s.setblocking(False)
    try:
        unserved += m.s.recv(1 << 16) == b""
    except BlockingIOError:
        unserved += 1
    m.s.setblocking(True)
    m.s.settimeout(20)
assert unserved == 27, unserved
resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
late = Client()
assert late.ask({"op": "peers"})["ok"]
for m in many + [late]:
    m.close()

begin("another user is refused, even when the file would let it in")
if os.geteuid() == 0:
    os.chmod(os.path.dirname(PATH), 0o755)
    os.chmod(PATH, 0o666)
    top = os.path.dirname(os.path.dirname(PATH))
    os.chmod(top, 0o755)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            no(Client().line(), "SG_ERR_PERMISSION")
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
else:
    print("  SKIPPED, LOUDLY: only root can become another user", file=sys.stderr)

begin("stop is answered before the node ends")
assert sent.ask({"op": "stop"})["ok"]
assert sent.line() is None
PY
python3 client.py "$PWD/a/control.sock" || fail 'see above'
wait "$NODE_PID" || fail 'the node ended badly'
[ ! -e a/control.sock ] || fail 'the socket file is still there'

begin 'leave is answered, and ends the node'
start_node a
cat >leave.py <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
s.sendall(b'{"op":"leave"}\n{"op":"leave"}\n')
data = b""
while True:
    got = s.recv(1 << 16)
    if not got:
        break
    data += got
assert data.startswith(b'{"ok":true,"op":"leave"}\n'), data
PY
python3 leave.py "$PWD/a/control.sock" || fail 'see above'
wait "$NODE_PID" || fail 'the node ended badly'
[ ! -e a/control.sock ] || fail 'the socket file is still there'
