"""Attacks on the bus that the missing commands of a bot's user stop, with the rule that would let each through.

A command that is not listed here with a deed of its own is attacked by what it is: the server itself says of each whether
the user may run it on a stranger's key (see `test_bus_restrictions`).
"""

from dataclasses import dataclass

FOREIGN = "hf:anna:commands"
REPLIES = "hf:anna:replies"
EVENTS = "hf:events:bot"
OWN = "hf:mallory:commands"
OWN_REPLIES = "hf:mallory:replies"


@dataclass(frozen=True)
class BusAttack:
    """``lift`` are ACL rules that take the restriction away."""

    stops: str
    command: tuple[str, ...]
    lift: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join(self.command)


def _on_any_key(command: str) -> tuple[str, ...]:
    return (f"(+{command} ~*)",)


ATTACKS = [
    BusAttack("reading another bot's commands", ("XRANGE", FOREIGN, "-", "+"), _on_any_key("xrange")),
    BusAttack("reading another bot's answers", ("XREAD", "STREAMS", REPLIES, "0"), _on_any_key("xread")),
    BusAttack("reading what happens in the fleet", ("XREVRANGE", EVENTS, "+", "-"), _on_any_key("xrevrange")),
    BusAttack("counting another bot's commands", ("XLEN", FOREIGN), _on_any_key("xlen")),
    BusAttack("seeing who reads a stream", ("XINFO", "STREAM", FOREIGN), _on_any_key("xinfo|stream")),
    BusAttack("commanding another bot", ("XADD", FOREIGN, "*", "command", "stop"), _on_any_key("xadd")),
    BusAttack("answering for another bot", ("XADD", REPLIES, "*", "response", "x"), _on_any_key("xadd")),
    BusAttack("telling events that did not happen", ("XADD", EVENTS, "*", "event", "x"), _on_any_key("xadd")),
    BusAttack(
        "commanding oneself as if it were an operator", ("XADD", OWN, "*", "command", "x"), (f"(+xadd %W~{OWN})",)
    ),
    BusAttack("reading one's answers again", ("XRANGE", OWN_REPLIES, "-", "+"), (f"(+xrange %R~{OWN_REPLIES})",)),
    BusAttack(
        "taking another bot's commands",
        ("XREADGROUP", "GROUP", "worker", "me", "STREAMS", FOREIGN, ">"),
        _on_any_key("xreadgroup"),
    ),
    BusAttack(
        "listening in with a group of one's own",
        ("XGROUP", "CREATE", FOREIGN, "mine", "0"),
        _on_any_key("xgroup|create"),
    ),
    BusAttack("making another bot deaf", ("XGROUP", "DESTROY", FOREIGN, "worker"), _on_any_key("xgroup|destroy")),
    BusAttack("dropping another bot's commands", ("XTRIM", FOREIGN, "MAXLEN", "0"), _on_any_key("xtrim")),
    BusAttack("deleting a stream", ("DEL", EVENTS), _on_any_key("del")),
    BusAttack("deleting a stream later", ("EXPIRE", EVENTS, "100"), _on_any_key("expire")),
    BusAttack("copying a stream to where one may read", ("COPY", FOREIGN, "hf:mallory:copy"), _on_any_key("copy")),
    BusAttack("moving a stream to where one may read", ("RENAME", FOREIGN, "hf:mallory:copy"), _on_any_key("rename")),
    BusAttack("reading a stream's bytes", ("DUMP", FOREIGN), _on_any_key("dump")),
    BusAttack("finding out which bots there are", ("SCAN", "0"), ("+scan",)),
    BusAttack("finding out which bots there are", ("KEYS", "*"), ("+keys", "~*")),
    BusAttack("finding a bot by chance", ("RANDOMKEY",), ("+randomkey",)),
    BusAttack("measuring the fleet", ("DBSIZE",), ("+dbsize",)),
    BusAttack("measuring the fleet", ("INFO",), ("+info",)),
    BusAttack("reading every client's commands", ("CLIENT", "LIST"), ("+client|list",)),
    BusAttack("throwing everybody out", ("CLIENT", "KILL", "ID", "999999999"), ("+client|kill",)),
    BusAttack("stopping everybody", ("CLIENT", "PAUSE", "1"), ("+client|pause",)),
    BusAttack("reading the passwords' hashes", ("ACL", "LIST"), ("+acl|list",)),
    BusAttack("reading the server's settings", ("CONFIG", "GET", "dir"), ("+config|get",)),
    BusAttack("changing the server's settings", ("CONFIG", "SET", "slowlog-max-len", "128"), ("+config|set",)),
    BusAttack("running code in the server", ("EVAL", "return 1", "0"), ("+eval",)),
    BusAttack("leaving code in the server", ("SCRIPT", "LOAD", "return 1"), ("+script|load",)),
    BusAttack("talking on channels", ("PUBLISH", "channel", "x"), ("+publish", "allchannels")),
    BusAttack("keeping a key of one's own, without end", ("SET", "mine", "x"), ("+set", "~mine")),
    BusAttack("reading who is slow, and at what", ("SLOWLOG", "GET"), ("+slowlog|get",)),
]

#: What the worker needs; everything else is refused.
NEEDED = {"ping", "hello", "select", "client|setname", "xreadgroup", "xgroup|create", "xdel", "xadd"}
#: Every connection may log in; the server asks no rule for these.
FREE = {"auth", "hello", "quit", "reset"}
