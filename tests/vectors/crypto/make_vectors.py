#!/usr/bin/env python3
"""Makes the vector files of this folder from an OpenSSL 3.5 source tree (Debian's source package):

    make_vectors.py OPENSSL_SOURCE_DIR

Run once and committed; kept so that everybody can see where each number comes from. The tests read
blocks of `name = hex` lines; a blank line ends a block; `#` starts a comment.
"""
import hashlib
import hmac
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LICENSE = ("# Copyright The OpenSSL Project Authors, Apache License 2.0; "
           "test/recipes/30-test_evp_data/")


def blocks(src, name):
    """Blocks of an evp_test file: list of (key, value) pairs, with comments as key '#'."""
    block = []
    with open(os.path.join(src, "test/recipes/30-test_evp_data", name)) as file:
        for line in file.read().split("\n") + [""]:
            line = line.strip()
            if not line:
                if any(key != "#" for key, _ in block):
                    yield block
                    block = []
            elif line.startswith("#"):
                block.append(("#", line[1:].strip()))
            else:
                key, _, value = line.partition("=")
                block.append((key.strip(), value.strip()))


def get(block, key, default=None):
    return next((value for k, value in block if k == key), default)


def ctrl(block, name, default=None):
    for key, value in block:
        if key.startswith("Ctrl") and value.startswith(name + ":"):
            return value[len(name) + 1:]
    return default


def comment(block):
    return next((v for k, v in block if k == "#" and not v.startswith("Copyright")), "")


def value_hex(text):
    """evp_test values are hex, or "text"."""
    if text.startswith('"'):
        return text.strip('"').encode().hex()
    return text.lower()


def write(name, head, cases):
    with open(os.path.join(HERE, name), "w") as out:
        for line in head:
            out.write(line + "\n")
        for case in cases:
            out.write("\n")
            for key, value in case:
                out.write((f"# {value}" if key == "#" else f"{key} = {value}").rstrip() + "\n")
    print(f"{name}: {len(cases)} cases, {os.path.getsize(os.path.join(HERE, name))} bytes")


def sha(src):
    cases = []
    for b in blocks(src, "evpmd_sha.txt"):
        names = {"SHA256": "sha256", "SHA384": "sha384"}
        if get(b, "Digest") not in names or get(b, "Ncopy"):
            continue
        cases.append([("alg", names[get(b, "Digest")]), ("input", value_hex(get(b, "Input"))),
                      ("output", get(b, "Output").lower())])
    # FIPS 180-4 / SHS CAVP: the empty message; and a million times "a", which FIPS 180-2 gives
    cases += [[("alg", "sha256"), ("input", ""),
               ("output", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]]
    write("sha.txt", ["# FIPS 180-4 examples (RFC 6234 s8.5)", LICENSE + "evpmd_sha.txt"], cases)


def rfc4231():
    def h(text):
        return text.encode().hex()
    tests = [
        ("0b" * 20, h("Hi There")), (h("Jefe"), h("what do ya want for nothing?")),
        ("aa" * 20, "dd" * 50), (bytes(range(1, 26)).hex(), "cd" * 50),
        ("aa" * 131, h("Test Using Larger Than Block-Size Key - Hash Key First")),
        ("aa" * 131, h("This is a test using a larger than block-size key and a larger than "
                       "block-size data. The key needs to be hashed before being used by the "
                       "HMAC algorithm.")),
    ]
    # RFC 4231 s4: first eight bytes for SHA-256 and SHA-384, as printed there
    printed = [("b0344c61d8db3853", "afd03944d8489562"), ("5bdcc146bf60754e", "af45d2e376484031"),
               ("773ea91e36800e46", "88062608d3e6ad8a"), ("82558a389a443c0e", "3e8a69b7783c2585"),
               ("60e431591ee0b67f", "4ece084485813e90"), ("9b09ffa71b942fcb", "6617178e941f020d")]
    cases = []
    for (key, data), starts in zip(tests, printed):
        for alg, start in zip(("sha256", "sha384"), starts):
            mac = hmac.new(bytes.fromhex(key), bytes.fromhex(data), getattr(hashlib, alg))
            assert mac.hexdigest().startswith(start), (key, alg)
            cases.append([("alg", alg), ("key", key), ("input", data), ("output", mac.hexdigest())])
    return cases


def hmac_cases(src):
    cases = rfc4231()
    for b in blocks(src, "evpmac_common.txt"):
        alg = {"SHA256": "sha256", "SHA384": "sha384"}.get(get(b, "Algorithm"))
        if get(b, "MAC") != "HMAC" or alg is None or get(b, "Result") or not get(b, "Key"):
            continue
        cases.append([("alg", alg), ("key", get(b, "Key").lower()),
                      ("input", value_hex(get(b, "Input"))), ("output", get(b, "Output").lower())])
    write("hmac.txt", ["# RFC 4231 s4.2-4.8 but the truncated case 5, then NIST's examples from",
                       LICENSE + "evpmac_common.txt"], cases)


def hkdf(src):
    cases = []
    for b in blocks(src, "evpkdf_hkdf.txt"):
        if ctrl(b, "digest") != "SHA256" or get(b, "Result") or get(b, "Availablein"):
            continue
        cases.append([("mode", ctrl(b, "mode", "FULL").lower()),
                      ("key", ctrl(b, "hexkey", "").lower()),
                      ("salt", ctrl(b, "hexsalt", "").lower()),
                      ("info", ctrl(b, "hexinfo", "").lower()),
                      ("output", get(b, "Output").lower())])
    write("hkdf.txt", ["# RFC 5869 appendix A, SHA-256", LICENSE + "evpkdf_hkdf.txt"], cases)


def argon2id(src):
    cases = []
    for b in blocks(src, "evpkdf_argon2.txt"):
        if get(b, "KDF") != "ARGON2ID" or ctrl(b, "hexsecret") or ctrl(b, "hexad"):
            continue
        if get(b, "Result") or get(b, "Ctrl.version") or not ctrl(b, "lanes"):
            continue
        cases.append([("lanes", "%08x" % int(ctrl(b, "lanes"))),
                      ("passes", "%08x" % int(ctrl(b, "iter", "3"))),
                      ("memory_kib", "%08x" % int(ctrl(b, "memcost"))),
                      ("passphrase", ctrl(b, "hexpass", "").lower()),
                      ("salt", ctrl(b, "hexsalt", "").lower()),
                      ("output", get(b, "Output").lower())])
    write("argon2id.txt", ["# Argon2id, version 0x13", LICENSE + "evpkdf_argon2.txt"], cases)


def aead(src):
    cases = []
    for name, cipher, alg in (("evpciph_aes_common.txt", "aes-256-gcm", "aes-256-gcm"),
                              ("evpciph_chacha.txt", "chacha20-poly1305", "chacha20-poly1305")):
        for b in blocks(src, name):
            if get(b, "Cipher", "").lower() != cipher or len(get(b, "IV", "")) != 24:
                continue
            if get(b, "Result", "CIPHERFINAL_ERROR") != "CIPHERFINAL_ERROR" or get(b, "TLSAAD"):
                continue
            if len(get(b, "Tag", "")) != 32:
                continue
            cases.append([("alg", alg), ("key", get(b, "Key").lower()),
                          ("nonce", get(b, "IV").lower()),
                          ("aad", get(b, "AAD", "").lower()),
                          ("plain", get(b, "Plaintext", "").lower()),
                          ("sealed", (get(b, "Ciphertext", "") + get(b, "Tag")).lower()),
                          ("opens", "00" if get(b, "Result") else "01")])
    write("aead.txt", ["# McGrew and Viega's GCM specification (NIST), BoringSSL; RFC 8439",
                       LICENSE + "evpciph_aes_common.txt and evpciph_chacha.txt"], cases)


def ml_dsa_keygen(src):
    cases = [[("#", get(b, "KeyName")), ("seed", ctrl(b, "hexseed").lower()),
              ("public", ctrl_out(b, "hexpub"))]
             for b in blocks(src, "evppkey_ml_dsa_keygen.txt") if get(b, "KeyGen") == "ML-DSA-65"]
    write("ml_dsa_65_keygen.txt", ["# NIST ACVP ML-DSA-keyGen-FIPS204",
                                   LICENSE + "evppkey_ml_dsa_keygen.txt"], cases[:8])


def ctrl_out(block, name):
    for key, value in block:
        if key == "CtrlOut" and value.startswith(name + ":"):
            return value[len(name) + 1:].lower()
    return None


def is_plain_65(b, kind):
    """ML-DSA-65, FIPS 204's external interface, and not pre-hashed to mu."""
    return (get(b, kind, "").startswith("ML-DSA-65:") and ctrl(b, "message-encoding") == "1"
            and ctrl(b, "mu", "0") == "0")


def ml_dsa_sign(src):
    keys, cases = {}, []
    for name in ("evppkey_ml_dsa_siggen.txt", "evppkey_ml_dsa_65_wycheproof_sign.txt"):
        for b in blocks(src, name):
            key = get(b, "PrivateKeyRaw")
            if key:
                keys[name + key.split(":")[0]] = key.split(":")[2].lower()
            kind = "Sign-Message"
            if not is_plain_65(b, kind) or get(b, "Result") or ctrl(b, "deterministic") != "1":
                continue
            if len(get(b, "Input")) > 2 * 1024:
                continue
            cases.append([("#", name + " " + comment(b)),
                          ("private", keys[name + get(b, kind).split(":")[1]]),
                          ("context", ctrl(b, "hexcontext-string", "").lower()),
                          ("message", get(b, "Input").lower()),
                          ("signature", get(b, "Output").lower())])
    nist = [c for c in cases if "siggen" in c[0][1]][:5]
    wycheproof = [c for c in cases if "wycheproof" in c[0][1]][:4]
    write("ml_dsa_65_sign.txt",
          ["# Deterministic signatures: NIST ACVP ML-DSA-sigGen-FIPS204, Wycheproof",
           LICENSE + "evppkey_ml_dsa_*"], nist + wycheproof)


WYCHEPROOF = (list(range(1, 21)) + [59, 61, 62, 63, 64, 65, 66, 69, 70, 73, 75])


def ml_dsa_verify(src):
    keys, cases = {}, []
    for name in ("evppkey_ml_dsa_sigver.txt", "evppkey_ml_dsa_65_wycheproof_verify.txt"):
        for b in blocks(src, name):
            key = get(b, "PublicKeyRaw")
            if key:
                keys[name + key.split(":")[0]] = key.split(":")[2].lower()
            kind = "Verify-Message-Public"
            if not get(b, kind, "").startswith("ML-DSA-65:") or not is_plain_65(b, kind):
                continue
            if len(get(b, "Input")) > 2 * 4096:
                continue
            number = comment(b).split(" ")[0]
            if "wycheproof" in name and (not number.isdigit() or int(number) not in WYCHEPROOF):
                continue
            if get(b, "Result") not in (None, "VERIFY_ERROR", "PKEY_CTRL_ERROR"):
                continue
            cases.append([("#", name + " " + comment(b)),
                          ("public", keys[name + get(b, kind).split(":")[1]]),
                          ("context", ctrl(b, "hexcontext-string", "").lower()),
                          ("message", get(b, "Input").lower()),
                          ("signature", get(b, "Output").lower()),
                          ("verifies", "00" if get(b, "Result") else "01")])
    nist = [c for c in cases if "sigver" in c[0][1]][:10]
    wycheproof = [c for c in cases if "wycheproof" in c[0][1]]
    last = None
    for case in nist + wycheproof:  # a key once per run of cases that use it
        if case[1][1] == last:
            del case[1]
        else:
            last = case[1][1]
    write("ml_dsa_65_verify.txt",
          ["# NIST ACVP ML-DSA-sigVer-FIPS204, Wycheproof", LICENSE + "evppkey_ml_dsa_*",
           "# A case without `public` has the key of the one before it."], nist + wycheproof)


def ml_kem(src):
    official, cases = {}, []
    for b in blocks(src, "evppkey_ml_kem_768_keygen.txt"):
        if get(b, "KeyGen") == "ML-KEM-768":
            official[ctrl_out(b, "hexpriv")] = ctrl(b, "hexseed").lower()
            cases.append([("seed", ctrl(b, "hexseed").lower()), ("public", ctrl_out(b, "hexpub"))])
    nist = [[("#", get(b, "KeyName")), ("seed", ctrl(b, "hexseed").lower()),
             ("public", ctrl_out(b, "hexpub"))]
            for b in blocks(src, "evppkey_ml_kem_keygen.txt") if get(b, "KeyGen") == "ML-KEM-768"]
    write("ml_kem_768_keygen.txt", ["# NIST ACVP ML-KEM-keyGen-FIPS203, BoringSSL",
                                    LICENSE + "evppkey_ml_kem_*keygen.txt"], nist[:5] + cases[:3])
    encap, bad, decap, seen = [], [], [], {}
    for name in ("evppkey_ml_kem_encap_decap.txt", "evppkey_ml_kem_768_encap.txt",
                 "evppkey_ml_kem_768_decap.txt"):
        for b in blocks(src, name):
            if get(b, "Kem") != "ML-KEM-768":
                continue
            seen[name] = seen.get(name, 0) + 1
            if get(b, "EncodedPublicKey"):
                case = [("public", get(b, "EncodedPublicKey").lower()),
                        ("random", get(b, "Entropy").lower())]
                if get(b, "Result"):
                    bad.append(case + [("valid", "00")])
                elif seen[name] <= 5:
                    encap.append(case + [("ciphertext", get(b, "Ciphertext").lower()),
                                         ("secret", get(b, "Output").lower()), ("valid", "01")])
            elif not get(b, "Result"):
                private = get(b, "EncodedPrivateKey").lower()
                seed = official.get(private)
                key = ("seed", seed) if seed else ("private", private)
                decap.append([("#", name), key, ("ciphertext", get(b, "Input").lower()),
                             ("secret", get(b, "Output").lower())])
    write("ml_kem_768_encaps.txt",
          ["# NIST ACVP ML-KEM-encapDecap-FIPS203, BoringSSL; valid = 00: not a key",
           LICENSE + "evppkey_ml_kem_*"], encap + bad[:4] + bad[-2:])
    nist = [c for c in decap if "encap_decap" in c[0][1]]
    for case in nist[1:]:
        if case[1] == nist[0][1]:
            del case[1]
    others = [c for c in decap if "768_decap" in c[0][1]]
    odd = [c for c in others if c[1][0] == "private"][-2:]
    write("ml_kem_768_decaps.txt",
          ["# NIST ACVP ML-KEM-encapDecap-FIPS203 (with modified ciphertexts), BoringSSL",
           LICENSE + "evppkey_ml_kem_*", "# A case without key has the key of the one before it."],
          nist + [c for c in others if c[1][0] == "seed"][:4] + odd)


def main():
    src = sys.argv[1]
    sha(src)
    hmac_cases(src)
    hkdf(src)
    argon2id(src)
    aead(src)
    ml_dsa_keygen(src)
    ml_dsa_sign(src)
    ml_dsa_verify(src)
    ml_kem(src)


main()
