// The ciphersuites of the peer. Suites 1 to 7 are ts-mls's own. The post-quantum ones of ts-mls do
// not follow the drafts, so those are put together here from noble's primitives, after RFC 9180 and
// draft-ietf-hpke-pq; nothing is shared with the C side.
import { ciphersuites, getCiphersuiteImpl, nobleCryptoProvider } from "ts-mls";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha384 } from "@noble/hashes/sha2.js";
import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { concatBytes, randomBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { ml_dsa44, ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

const text = utf8ToBytes;
const none = new Uint8Array();
const u16 = (n) => Uint8Array.of(n >> 8, n & 255);

// A private key is its seed; ikm is stretched as draft-ietf-hpke-pq says.
const seedOf = (id, len, ikm) =>
    shake256(concatBytes(ikm, text("HPKE-v1KEM"), u16(id), u16(13), text("DeriveKeyPair"),
        u16(len)), { dkLen: len });

const mlKem = {
    id: 0x0041,
    seedLen: 64,
    publicOf: (seed) => ml_kem768.keygen(seed).publicKey,
    encap(publicKey) {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey);
        return { enc: cipherText, secret: sharedSecret };
    },
    decap: (seed, enc) => ml_kem768.decapsulate(enc, ml_kem768.keygen(seed).secretKey),
};

const xWing = {
    id: 0x647a,
    seedLen: 32,
    split(seed) {
        const long = shake256(seed, { dkLen: 96 });
        return { kem: ml_kem768.keygen(long.slice(0, 64)), scalar: long.slice(64) };
    },
    publicOf(seed) {
        const { kem, scalar } = xWing.split(seed);
        return concatBytes(kem.publicKey, x25519.getPublicKey(scalar));
    },
    combine: (kem, dh, enc, publicKey) =>
        sha3_256(concatBytes(kem, dh, enc.slice(-32), publicKey.slice(-32), text("\\.//^\\"))),
    encap(publicKey) {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey.slice(0, -32));
        const ephemeral = randomBytes(32);
        const enc = concatBytes(cipherText, x25519.getPublicKey(ephemeral));
        const dh = x25519.getSharedSecret(ephemeral, publicKey.slice(-32));
        return { enc, secret: xWing.combine(sharedSecret, dh, enc, publicKey) };
    },
    decap(seed, enc) {
        const { kem, scalar } = xWing.split(seed);
        const shared = ml_kem768.decapsulate(enc.slice(0, -32), kem.secretKey);
        const dh = x25519.getSharedSecret(scalar, enc.slice(-32));
        return xWing.combine(shared, dh, enc, xWing.publicOf(seed));
    },
};

const aesGcm = { id: 2, cipher: gcm };
const chacha = { id: 3, cipher: chacha20poly1305 };

// HPKE base mode with HKDF-SHA384, RFC 9180 s4 and s5.1.
function makeHpke(kem, aead) {
    const id = concatBytes(text("HPKE"), u16(kem.id), u16(2), u16(aead.id));
    const lExtract = (salt, label, ikm) =>
        extract(sha384, concatBytes(text("HPKE-v1"), id, text(label), ikm), salt);
    const lExpand = (prk, label, info, len) =>
        expand(sha384, prk, concatBytes(u16(len), text("HPKE-v1"), id, text(label), info), len);
    function schedule(shared, info) {
        const context = concatBytes(Uint8Array.of(0), lExtract(none, "psk_id_hash", none),
            lExtract(none, "info_hash", info));
        const secret = lExtract(shared, "secret", none);
        return {
            key: lExpand(secret, "key", context, 32),
            nonce: lExpand(secret, "base_nonce", context, 12),
            exporter: lExpand(secret, "exp", context, 48),
        };
    }
    const pair = (seed) => ({ privateKey: seed, publicKey: kem.publicOf(seed) });
    const seal = (key, nonce, aad, plain) => aead.cipher(key, nonce, aad ?? none).encrypt(plain);
    const open = (key, nonce, aad, sealed) => aead.cipher(key, nonce, aad ?? none).decrypt(sealed);
    return {
        keyLength: 32,
        nonceLength: 12,
        async seal(publicKey, plain, info, aad) {
            const { enc, secret } = kem.encap(publicKey);
            const { key, nonce } = schedule(secret, info);
            return { enc, ct: seal(key, nonce, aad, plain) };
        },
        async open(privateKey, enc, sealed, info, aad) {
            const { key, nonce } = schedule(kem.decap(privateKey, enc), info);
            return open(key, nonce, aad, sealed);
        },
        async exportSecret(publicKey, context, length, info) {
            const { enc, secret } = kem.encap(publicKey);
            return { enc, secret: lExpand(schedule(secret, info).exporter, "sec", context, length) };
        },
        async importSecret(privateKey, context, enc, length, info) {
            const { exporter } = schedule(kem.decap(privateKey, enc), info);
            return lExpand(exporter, "sec", context, length);
        },
        importPrivateKey: async (key) => key,
        importPublicKey: async (key) => key,
        exportPrivateKey: async (key) => key,
        exportPublicKey: async (key) => key,
        encryptAead: async (key, nonce, aad, plain) => seal(key, nonce, aad, plain),
        decryptAead: async (key, nonce, aad, sealed) => open(key, nonce, aad, sealed),
        deriveKeyPair: async (ikm) => pair(seedOf(kem.id, kem.seedLen, ikm)),
        generateKeyPair: async () => pair(randomBytes(kem.seedLen)),
    };
}

const edwards = {
    sign: async (key, message) => ed25519.sign(message, key),
    verify: async (key, message, signature) => ed25519.verify(signature, message, key),
    async keygen() {
        const signKey = randomBytes(32);
        return { signKey, publicKey: ed25519.getPublicKey(signKey) };
    },
};

const lattice = (scheme) => ({
    sign: async (seed, message) => scheme.sign(message, scheme.keygen(seed).secretKey),
    verify: async (key, message, signature) => scheme.verify(signature, message, key),
    async keygen() {
        const signKey = randomBytes(32);
        return { signKey, publicKey: scheme.keygen(signKey).publicKey };
    },
});

const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

const makeSuite = (id, kem, aead, signature) => ({
    id,
    signature,
    hpke: makeHpke(kem, aead),
    rng: { randomBytes },
    kdf: {
        size: 48,
        extract: async (salt, ikm) => extract(sha384, ikm, salt),
        expand: async (prk, info, len) => expand(sha384, prk, info, len),
    },
    hash: {
        digest: async (data) => sha384(data),
        mac: async (key, data) => hmac(sha384, key, data),
        verifyMac: async (key, mac, data) => same(mac, hmac(sha384, key, data)),
    },
});

const postQuantum = {
    0xf602: () => makeSuite(0xf602, xWing, aesGcm, edwards),
    0xf606: () => makeSuite(0xf606, mlKem, aesGcm, edwards),
    0xf609: () => makeSuite(0xf609, xWing, chacha, lattice(ml_dsa44)),
    0xf60a: () => makeSuite(0xf60a, mlKem, aesGcm, lattice(ml_dsa65)),
};

export async function suiteOf(id) {
    if (postQuantum[id]) return postQuantum[id]();
    const name = Object.keys(ciphersuites).find((key) => ciphersuites[key] === id);
    return getCiphersuiteImpl(name, nobleCryptoProvider);
}
