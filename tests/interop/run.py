#!/usr/bin/env python3
"""Plays the scenario scripts of the MLS working group with clients of ours and of ts-mls.

usage: tests/interop/run.py MLS_DRIVE [--suites ID,...] [--all | --alone] [--only SCRIPT]
                            [--progress]

The scripts come from the folder that SAORSA_VECTORS names, else from ../shared/vectors. Each runs
with handshakes public and private, first with our clients only. Where 'npm ci' was run in
tests/interop/peer, it runs again with ts-mls in one actor's place, for each actor, and with ours
in one actor's place; --all: with every assignment. After each step all actors named in it must be
in the same epoch, and at the end each member must read what each other sends.
"""
import argparse
import base64
import itertools
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEER = os.path.join(HERE, "peer")
FILES = ("application", "branch", "commit", "external_join", "external_proposals", "reinit",
         "welcome_join")
SUITES = (1, 2, 3, 7, 0xF602, 0xF606, 0xF609, 0xF60A)
SKIPPED = 77


class Failed(Exception):
    """A step did not go as it must."""


class Unsupported(Exception):
    """The peer is known not to do this."""


class Drive:
    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, verb, **fields):
        self.process.stdin.write(json.dumps({"verb": verb, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} died at {verb}")
        reply = json.loads(line)
        if reply.get("unsupported"):
            raise Unsupported(reply["error"])
        if not reply["ok"]:
            raise Failed(f"{self.name}: {verb} of {fields['actor']}: {reply['error']}")
        return reply

    def close(self):
        self.process.stdin.close()
        return self.process.wait(30)


def vec(data):
    if len(data) < 64:
        return bytes([len(data)]) + data
    return (len(data) | 0x4000).to_bytes(2, "big") + data


def extension_list(items):
    out = b""
    for item in items or ():
        out += item["extension_type"].to_bytes(2, "big")
        out += vec(base64.b64decode(item["extension_data"]))
    return out.hex()


class Play:
    """One script with one suite, one form of handshakes and one assignment of actors."""

    def __init__(self, steps, suite, is_private, drive_of):
        self.steps = steps
        self.suite = suite
        self.is_private = is_private
        self.drive_of = drive_of
        self.known = {}    # actor -> suite that it was initialised for
        self.members = []  # of the group as it is
        self.results = []
        self.counter = 0
        self.signers = {}  # external senders by name, in the order of the extension

    def ask(self, actor, verb, **fields):
        if self.known.get(actor) != self.suite and verb != "init":
            self.known[actor] = self.suite
            self.drive_of[actor].ask("init", actor=actor, suite=self.suite)
        if verb in ("propose", "commit"):
            fields["private"] = self.is_private
        return self.drive_of[actor].ask(verb, actor=actor, **fields)

    def fresh(self, what):
        self.counter += 1
        return f"{what} {self.counter}".encode().hex()

    def agree(self, *actors):
        states = {actor: self.ask(actor, "state") for actor in actors}
        keys = ("epoch", "epoch_authenticator", "tree_hash")
        if len({tuple(s[k] for k in keys) for s in states.values()}) != 1:
            raise Failed(f"disagree: { {a: s['epoch'] for a, s in states.items()} }")

    def key_package(self, actor):
        return self.ask(actor, "key_package")["key_package"]

    def state(self, actor):
        return self.ask(actor, "state")

    def proposal(self, actor, d):
        """A description of a script, with or without its action, as the drives take it."""
        kind = d.get("proposalType") or d["action"].removesuffix("Proposal")
        if kind == "add":
            return {"type": "add", "key_package": self.results[d["keyPackage"]]["key_package"]}
        if kind == "remove":
            return {"type": "remove", "leaf": self.state(d["removed"])["leaf"]}
        if kind == "update":
            return {"type": "update"}
        if kind in ("groupContextExtensions", "groupContextExtension"):
            return {"type": "extensions", "extensions": extension_list(d["extensions"])}
        if kind == "externalPSK":
            return {"type": "psk", "id": self.results[d["pskID"]]["psk"]}
        if kind == "resumptionPSK":
            return {"type": "resumption", "epoch": d["epochID"],
                    "group_id": self.state(actor)["group_id"]}
        if kind == "reinit":
            return self.reinit(self.state(actor)["group_id"], d)
        raise Failed(f"unknown proposal {kind}")

    def reinit(self, group_id, d):
        changes_suite = d.get("changeCiphersuite") or d.get("changeCipherSuite")
        # over a change of suite the scripts say nothing; any other one will do
        self.next_suite = (1 if self.suite != 1 else 3) if changes_suite else self.suite
        # RFC9420 s11.2 leaves the group id free; it must only be as the proposal says
        new_id = self.fresh("group") if d.get("changeGroupID") else group_id
        return {"type": "reinit", "group_id": new_id, "suite": self.next_suite,
                "extensions": extension_list(d.get("extensions"))}

    def deliver(self, message, *actors):
        for actor in actors:
            self.ask(actor, "process", message=message)

    def welcome(self, reply, committer, joiners, has_tree, **fields):
        if "tree" in reply:  # ts-mls leaves it out of the Welcome of a branch
            fields["tree"] = reply["tree"]
        elif joiners and not has_tree:
            fields["tree"] = self.ask(committer, "tree")["tree"]
        for joiner in joiners:
            self.ask(joiner, "join", welcome=reply["welcome"], **fields)

    # ---- actions: one method each ----

    def createGroup(self, actor, members=()):
        self.ask(actor, "create", group_id=self.fresh("group"))
        if members:
            adds = [{"type": "add", "key_package": self.key_package(m)} for m in members]
            reply = self.ask(actor, "commit", by_value=adds)
            self.welcome(reply, actor, members, True)
        self.members = [actor, *members]
        self.agree(actor, *members)

    def createKeyPackage(self, actor):
        return {"key_package": self.key_package(actor)}

    def by_reference(self, step):
        actor = step["actor"]
        reply = self.ask(actor, "propose", proposal=self.proposal(actor, step))
        return {"message": reply["message"], "from": actor}

    def addExternalSigner(self, actor, signer):
        key = bytes.fromhex(self.ask(signer, "init", suite=self.suite)["signature_key"])
        self.known[signer] = self.suite
        self.signers[signer] = vec(key) + (1).to_bytes(2, "big") + vec(signer.encode())
        data = base64.b64encode(vec(b"".join(self.signers.values()))).decode()
        item = {"extension_type": 5, "extension_data": data}
        proposal = {"type": "extensions", "extensions": extension_list([item])}
        reply = self.ask(actor, "propose", proposal=proposal)
        return {"message": reply["message"], "from": actor}

    def externalSignerProposal(self, actor, member, description):
        state = self.state(member)
        proposal = self.proposal(member, description)
        reply = self.ask(actor, "propose_outside", proposal=proposal,
                         index=list(self.signers).index(actor),
                         group_id=state["group_id"], epoch=state["epoch"],
                         group_info=self.ask(member, "group_info")["group_info"])
        return {"message": reply["message"], "from": actor}

    def newMemberAddProposal(self, actor, joiner):
        state = self.state(actor)
        proposal = {"type": "add", "key_package": self.key_package(joiner)}
        reply = self.ask(joiner, "propose_outside", proposal=proposal, index=-1,
                         group_id=state["group_id"], epoch=state["epoch"],
                         group_info=self.ask(actor, "group_info")["group_info"])
        return {"message": reply["message"], "from": joiner}

    def installExternalPSK(self, clients):
        psk = {"id": self.fresh("psk") + os.urandom(8).hex(), "psk": os.urandom(32).hex()}
        for client in clients:
            self.ask(client, "psk", **psk)
        return {"psk": psk["id"], "install": psk}

    def fullCommit(self, actor, byReference=(), byValue=(), members=(), joiners=(),
                   force_path=False, external_tree=False):
        for index in byReference:
            made = self.results[index]
            others = [a for a in (actor, *members) if a != made["from"]]
            self.deliver(made["message"], *others)
        values = [self.proposal(actor, v) for v in byValue]
        reply = self.ask(actor, "commit", by_value=values, force_path=force_path,
                         external_tree=external_tree)
        self.deliver(reply["commit"], *members)
        self.welcome(reply, actor, joiners, not external_tree)
        self.members = [actor, *members, *joiners]
        self.agree(actor, *members, *joiners)

    def protect(self, actor, plaintext, authenticatedData):
        data = {"data": plaintext.encode().hex(), "aad": authenticatedData.encode().hex()}
        return {"message": self.ask(actor, "protect", **data)["message"], **data}

    def unprotect(self, actor, ciphertext):
        made = self.results[ciphertext]
        reply = self.ask(actor, "process", message=made["message"])
        if (reply["data"], reply["aad"]) != (made["data"], made["aad"]):
            raise Failed("another plain text came out")

    def externalJoin(self, actor, joiner, members=(), removePrior=False, psks=(),
                     externalTree=False):
        fields = {"group_info": self.ask(actor, "group_info",
                                         external_tree=externalTree)["group_info"]}
        if externalTree:
            fields["tree"] = self.ask(actor, "tree")["tree"]
        for index in psks:
            self.ask(joiner, "psk", **self.results[index]["install"])
        fields["psks"] = [{"type": "psk", "id": self.results[index]["psk"]} for index in psks]
        reply = self.ask(joiner, "external_join", resync=removePrior, **fields)
        self.deliver(reply["commit"], actor, *members)
        self.members = [actor, joiner, *members]
        self.agree(*self.members)

    def succeed(self, welcomer, others, external_tree, **fields):
        adds = [{"type": "add", "key_package": self.key_package(m)} for m in others]
        reply = self.ask(welcomer, "succeed", adds=adds, external_tree=external_tree, **fields)
        self.welcome(reply, welcomer, others, not external_tree, old=True)
        self.members = [welcomer, *others]
        self.agree(*self.members)

    def do_reinit(self, step):
        committer = step["committer"]
        everyone = list(dict.fromkeys([a for a in (step.get("proposer"), committer,
                                                   step["welcomer"]) if a] + step["members"]))
        if "externalReinitProposal" in step:
            made = self.results[step["externalReinitProposal"]]
        else:
            state = self.state(step["proposer"])
            reply = self.ask(step["proposer"], "propose",
                             proposal=self.reinit(state["group_id"], step))
            made = {"message": reply["message"], "from": step["proposer"]}
        self.deliver(made["message"], *[a for a in everyone if a != made["from"]])
        commit = self.ask(committer, "commit")["commit"]
        self.deliver(commit, *[a for a in everyone if a != committer])
        self.suite = self.next_suite
        self.succeed(step["welcomer"], [a for a in everyone if a != step["welcomer"]],
                     step.get("externalTree", False))

    def branch(self, actor, members, extensions=(), forcePath=False, externalTree=False):
        del forcePath  # our first commit in a group has a path where it needs one
        self.succeed(actor, members, externalTree, branch=True, group_id=self.fresh("branch"),
                     extensions=extension_list(extensions))

    # ---- the whole ----

    def step(self, step):
        action = step["action"]
        if action == "reinit":
            return self.do_reinit(step)
        if action in ("addProposal", "removeProposal", "updateProposal", "externalPSKProposal",
                      "resumptionPSKProposal", "groupContextExtensionsProposal"):
            return self.by_reference(step)
        arguments = {k: v for k, v in step.items() if k != "action"}
        return getattr(self, action)(**arguments)

    def run(self):
        for step in self.steps:
            self.results.append(self.step(step))
        for sender in self.members:
            data = {"data": sender.encode().hex(), "aad": b"to all".hex()}
            message = self.ask(sender, "protect", **data)["message"]
            for other in self.members:
                if other == sender:
                    continue
                if self.ask(other, "process", message=message)["data"] != data["data"]:
                    raise Failed(f"{other} does not read {sender}")


def actors_of(steps):
    """All names in a script, in the order of their appearance."""
    names = []
    for step in steps:
        for key in ("actor", "proposer", "committer", "welcomer", "joiner", "signer", "member"):
            names += [step[key]] if key in step else []
        for key in ("members", "joiners", "clients"):
            names += step.get(key, [])
    return list(dict.fromkeys(names))


def assignments(actors, has_peer, wants_all):
    """Sets of the actors that ts-mls plays."""
    yield frozenset()
    if not has_peer:
        return
    if wants_all:
        sizes = range(1, len(actors) + 1)
        yield from (frozenset(c) for n in sizes for c in itertools.combinations(actors, n))
        return
    singles = [frozenset([a]) for a in actors]
    yield from dict.fromkeys(singles + [frozenset(actors) - s for s in singles])


def lacking(steps, by_peer):
    """What ts-mls is known not to do of a script, with it in these actors' places; or None."""
    if not by_peer:
        return None
    updates = {i for i, s in enumerate(steps) if s["action"] == "updateProposal"}
    changes = {i for i, s in enumerate(steps) if s["action"] in
               ("addExternalSigner", "groupContextExtensionsProposal")}
    signers = sum(s["action"] == "addExternalSigner" for s in steps)
    for step in steps:
        given = [step, step.get("description", {}), *step.get("byValue", ())]
        extensions = [e["extension_type"] for g in given for e in g.get("extensions", ())]
        if signers > 1 or 5 in extensions:
            return "knows lists of exactly one external sender"
        if step["action"] == "fullCommit" and step["actor"] in by_peer:
            covered = set(step.get("byReference", ()))
            if updates & covered:
                return "commits Updates of others with a path to their old keys"
            if step.get("force_path") and step.get("joiners"):
                return "has no path in a commit of Adds"
            if changes & covered or any(g.get("proposalType") == "groupContextExtensions"
                                        for g in given):
                return "commits new extensions without a path"
    return None


def load_scripts():
    folders = (os.environ.get("SAORSA_VECTORS", ""), os.path.join(ROOT, "../shared/vectors"),
               os.path.join(ROOT, "../../shared/vectors"))
    for folder in folders:
        folder = os.path.join(folder, "mls-interop-configs")
        if os.path.isdir(folder):
            scripts = {}
            for name in FILES:
                with open(os.path.join(folder, name + ".json"), encoding="utf-8") as f:
                    scripts.update({f"{name}/{k}": v for k, v in json.load(f)["scripts"].items()})
            return scripts
    return None


class Stage:
    """The drives, which play one script after another."""

    def __init__(self, command):
        self.commands = {"C": [command],
                         "ts-mls": ["node", "--import", os.path.join(PEER, "hooks.mjs"),
                                    os.path.join(PEER, "peer.mjs")]}
        self.drives = {}

    def drive(self, name):
        if name not in self.drives:
            self.drives[name] = Drive(name, self.commands[name])
        return self.drives[name]

    def play(self, steps, suite, is_private, by_peer):
        drive_of = {a: self.drive("ts-mls" if a in by_peer else "C") for a in actors_of(steps)}
        try:
            for drive in self.drives.values():
                drive.ask("reset", actor="")
            Play(steps, suite, is_private, drive_of).run()
        except Failed:
            # what is left of it must not disturb the next one
            self.close()
            raise

    def close(self):
        drives, self.drives = self.drives, {}
        codes = [drive.close() for drive in drives.values() if drive.name == "C"]
        if any(codes):
            raise Failed(f"mls_drive ended with {codes[0]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("drive")
    parser.add_argument("--suites", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--progress", action="store_true", help="print what passes, too")
    options = parser.parse_args()
    scripts = load_scripts()
    if scripts is None:
        print("SKIPPED: no scenario scripts (set SAORSA_VECTORS)")
        return SKIPPED
    has_peer = not options.alone and os.path.isdir(os.path.join(PEER, "node_modules"))
    if not has_peer and not options.alone:
        print("ts-mls is not installed ('npm ci' in tests/interop/peer): C plays with C only")
    suites = [int(s, 0) for s in options.suites.split(",")] if options.suites else SUITES
    passed, failed, reasons = 0, 0, {}
    passed_in = dict.fromkeys(suites, 0)
    stage = Stage(options.drive)
    for suite, (name, steps), is_private in itertools.product(suites, scripts.items(),
                                                              (False, True)):
        if options.only not in name:
            continue
        for by_peer in assignments(actors_of(steps), has_peer, options.all):
            form = "private" if is_private else "public"
            reason = lacking(steps, by_peer)
            if reason:
                reasons[reason] = reasons.get(reason, 0) + 1
                continue
            try:
                stage.play(steps, suite, is_private, by_peer)
                passed += 1
                passed_in[suite] += 1
                if options.progress:
                    print(f"passed {name}, suite {suite:#x}, {form}, ts-mls as "
                          f"{sorted(by_peer) or 'nobody'}", flush=True)
            except Unsupported as error:
                reasons[str(error)] = reasons.get(str(error), 0) + 1
            except Failed as error:
                failed += 1
                print(f"FAILED {name}, suite {suite:#x}, {form}, ts-mls as "
                      f"{sorted(by_peer) or 'nobody'}: {error}", flush=True)
    try:
        stage.close()
    except Failed as error:
        failed += 1
        print(f"FAILED at the end: {error}")
    print("passed by suite: " + ", ".join(f"{s:#x} {n}" for s, n in passed_in.items()))
    print(f"{len(scripts)} scripts, suites {', '.join(hex(s) for s in suites)}: "
          f"{passed} passed, {failed} failed, {sum(reasons.values())} not possible with ts-mls")
    for reason, count in sorted(reasons.items()):
        print(f"  {count} not possible: {reason.removeprefix('Error: ')}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
