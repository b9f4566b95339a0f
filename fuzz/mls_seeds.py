#!/usr/bin/env python3
"""Writes the seeds of the MLS fuzz targets: small messages of each kind, built field by field.

usage: fuzz/mls_seeds.py        writes fuzz/corpus/mls_message, mls_body, mls_tree and mls_parts,
                                and of mls_group those in which a guest joins
"""
import hashlib
import os

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = 0xF6FF  # the tests' stand-in, whose keys and signatures have 8 bytes
KEY = b"\x11" * 8
TAG = b"\x22" * 32


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u32(n):
    return n.to_bytes(4, "big")


def u64(n):
    return n.to_bytes(8, "big")


def vec(data):
    n = len(data)
    if n < 64:
        return u8(n) + data
    if n < 16384:
        return u16(n | 0x4000) + data
    return u32(n | 0x80000000) + data


def extension(kind, data):
    return u16(kind) + vec(data)


def basic(name):
    return u16(1) + vec(name)


X509 = u16(2) + vec(vec(b"cert one") + vec(b"cert two"))
CAPABILITIES = vec(u16(1)) + vec(u16(SUITE)) + vec(u16(0x0A0A)) + vec(u16(10)) + vec(
    u16(1) + u16(2))


def leaf(number, source=1, credential=None):
    key = bytes([number]) * 8
    out = vec(key) + vec(key[::-1] + b"") + (credential or basic(b"member %d" % number))
    out += CAPABILITIES + u8(source)
    out += {1: u64(0) + u64(1 << 62), 2: b"", 3: vec(TAG)}[source]
    return out + vec(extension(1, b"app id") + extension(0x1A1A, b"grease")) + vec(KEY)


def key_package(number):
    return u16(1) + u16(SUITE) + vec(bytes([number + 100]) * 8) + leaf(number) + vec(
        extension(6, b"")) + vec(KEY)


REQUIRED = extension(3, vec(u16(7)) + vec(b"") + vec(u16(1)))
SENDERS = extension(5, vec(vec(KEY) + basic(b"server")))
EXTERNAL_PUB = extension(4, vec(KEY))
PSK = u8(1) + vec(b"psk id") + vec(TAG)
RESUMPTION = u8(2) + u8(3) + vec(b"group") + u64(4) + vec(TAG)
PROPOSALS = {
    "add": u16(1) + key_package(7),
    "update": u16(2) + leaf(8, 2),
    "remove": u16(3) + u32(1),
    "psk": u16(4) + PSK,
    "resumption": u16(4) + RESUMPTION,
    "reinit": u16(5) + vec(b"new group") + u16(1) + u16(SUITE) + vec(REQUIRED),
    "external_init": u16(6) + vec(KEY),
    "extensions": u16(7) + vec(REQUIRED + SENDERS),
    "self_remove": u16(10),
    "unknown": u16(0x0A0A) + vec(b"opaque"),
}
SEALED = vec(KEY) + vec(b"sealed bytes" + b"\0" * 16)
PATH = leaf(9, 3) + vec(vec(KEY) + vec(SEALED + SEALED) + vec(KEY[::-1]) + vec(b""))
COMMITS = {
    "empty": vec(b"") + u8(0),
    "path": vec(b"") + u8(1) + PATH,
    "mixed": vec(u8(1) + PROPOSALS["remove"] + u8(2) + vec(TAG) + u8(1) + PROPOSALS["psk"]) +
             u8(1) + PATH,
}
SENDER = {"member": u8(1) + u32(2), "external": u8(2) + u32(0), "new_proposal": u8(3),
          "new_commit": u8(4)}


def content(sender, kind, body):
    return vec(b"group") + u64(3) + SENDER[sender] + vec(b"data") + u8(kind) + body


def message(wire, body):
    return u16(1) + u16(wire) + body


def public(sender, kind, body):
    auth = vec(KEY) + (vec(TAG) if kind == 3 else b"")
    tag = vec(TAG) if sender == "member" else b""
    return message(1, content(sender, kind, body) + auth + tag)


CONTEXT = u16(1) + u16(SUITE) + vec(b"group") + u64(3) + vec(TAG) + vec(TAG) + vec(REQUIRED)
PARENT = vec(KEY) + vec(b"") + vec(u32(1))


def tree(*nodes):
    return vec(b"".join(u8(0) if n is None else u8(1) + n for n in nodes))


def leaf_node(number):
    return u8(1) + leaf(number)


TREES = {
    "one": tree(leaf_node(1)),
    "two": tree(leaf_node(1), None, leaf_node(2)),
    "four": tree(leaf_node(1), u8(2) + PARENT, leaf_node(2), u8(2) + vec(b"top key!") +
                 vec(TAG) + vec(u32(2) + u32(3)), leaf_node(3), None, leaf_node(4)),
    "blank": tree(None, None, leaf_node(2), None, None, None, leaf_node(4)),
}
MESSAGES = {
    "key_package": message(5, key_package(1)),
    "x509": message(5, u16(1) + u16(SUITE) + vec(KEY) + leaf(3, 1, X509) + vec(b"") + vec(KEY)),
    "group_info": message(4, CONTEXT + vec(EXTERNAL_PUB + extension(2, TREES["two"])) +
                          vec(TAG) + u32(0) + vec(KEY)),
    "welcome": message(3, u16(SUITE) + vec(vec(TAG) + SEALED + vec(TAG[::-1]) + SEALED) +
                       vec(b"group info" + b"\0" * 16)),
    "private": message(2, vec(b"group") + u64(3) + u8(1) + vec(b"data") +
                       vec(b"sender data" + b"\0" * 16) + vec(b"ciphertext" + b"\0" * 16)),
    "public_commit": public("member", 3, COMMITS["mixed"]),
    "external_commit": public("new_commit", 3, COMMITS["path"]),
    "external_proposal": public("external", 2, PROPOSALS["remove"]),
    "new_member": public("new_proposal", 2, PROPOSALS["add"]),
    "application": public("member", 1, vec(b"hello")),
}
MESSAGES.update({"proposal_" + name: public("member", 2, body)
                 for name, body in PROPOSALS.items()})
BODIES = {"secrets": u8(0) + vec(TAG) + u8(1) + vec(TAG) + vec(PSK + RESUMPTION),
          "context": u8(3) + CONTEXT,
          "authentic": u8(4) + u16(2) + content("member", 3, COMMITS["mixed"]) + vec(KEY) +
                       vec(TAG)}
BODIES.update({"commit_" + name: u8(1) + body for name, body in COMMITS.items()})
BODIES.update({"proposal_" + name: u8(2) + body for name, body in PROPOSALS.items()})




def piece(data):
    return u16(len(data)) + data


def manifest(nodes, *chunks):
    hashes = b"".join(hashlib.sha256(chunk).digest() for chunk in chunks)
    return piece(u8(1) + u16(1) + u32(nodes) + vec(hashes))


LEAF, BLANKS = leaf_node(1), b"\0" * 256
LAST = b"\0" * 200 + LEAF
WHOLE = [LEAF + b"\0" * 255, BLANKS, BLANKS, LAST]  # 201 nodes in the last chunk
PARTS = {
    "all": u8(0) + manifest(969, *WHOLE) + b"".join(map(piece, WHOLE)),
    "missing": u8(0) + manifest(969, *WHOLE) + piece(WHOLE[0]) + piece(BLANKS),
    "foreign": u8(0) + manifest(257, WHOLE[0], LEAF) + piece(BLANKS) + piece(LEAF),
    "many": u8(0) + manifest(256 * 3, LEAF * 3, LEAF * 3, LEAF * 3) + piece(LEAF * 3),
    "short": u8(0) + manifest(969, LEAF),
    "fit": u8(1) + u8(0) + b"".join(map(piece, WHOLE)),
    "order": u8(1) + u8(0x0b) + b"".join(map(piece, WHOLE)),
    "damaged": u8(1) + u8(0x41) + b"".join(map(piece, WHOLE)),
    "wide": u8(2) + tree(leaf(1), *[None] * 599, leaf(2)),
}
PARTS.update({"tree_" + name: u8(2) + data for name, data in TREES.items()})
# Operations of fuzz_mls_group: 10 invite, 11 join, 12 the guest receives; odd end: any signature.
GUESTS = {
    "join": bytes([10, 0, 4, 11, 0, 0, 2, 1, 9, 0, 0, 0]),
    "join_beside": bytes([10, 1, 0, 11, 0, 0, 1, 1, 4, 12, 0, 1, 0, 0]),
    "join_without_path": bytes([10, 2, 6, 11, 0, 0, 1, 2, 5, 12, 0, 0, 1, 0]),
    "join_damaged": bytes([10, 0, 4, 11, 0, 1, 0, 90, 0, 7, 11, 0, 1, 1, 0, 1, 0]),
    "join_damaged_tree": bytes([10, 0, 0, 11, 0, 2, 0, 90, 0, 7, 11, 0, 2, 0, 60, 2, 9, 0]),
    "join_lied_to": bytes([10, 0, 4, 11, 0, 1, 0, 90, 0, 7, 11, 0, 1, 1, 44, 0, 9, 1]),
    "join_lied_tree": bytes([10, 0, 0, 11, 0, 2, 0, 30, 0, 7]) +
                      bytes([11, 0, 3, 0, 60, 0, 9, 0, 80, 0, 1]),
    "join_twice": bytes([10, 0, 4, 11, 0, 0, 6, 0, 10, 1, 5, 11, 0, 0, 1, 1, 4, 12, 0, 1, 0, 0]),
}


def main():
    for target, seeds in (("message", MESSAGES), ("body", BODIES), ("tree", TREES),
                          ("parts", PARTS), ("group", GUESTS)):
        folder = os.path.join(HERE, "corpus", "mls_" + target)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
