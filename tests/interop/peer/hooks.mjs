// Mends places of ts-mls 2.0.0-rc.10 while it is loaded, so that the scenarios can be played: a commit
// of exactly one Remove or Update needs a path (RFC9420 s12.4), and may be asked to have one where
// none is due; the payload of external_pub is a vector (s12.4.3.2), that of external_senders a list
// (s12.1.8.1), here of one; a member may use resumption PSKs of its own group (s8.4), and external PSKs
// also in private messages; equal required_capabilities are equal; public keys of ECDSA are
// uncompressed (s5.1.2).
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const mended = {
    "clientState.js": [
        ["grouped[defaultProposalTypes.update]).length > 1", "grouped[defaultProposalTypes.update]).length > 0"],
        ["grouped[defaultProposalTypes.remove]).length > 1", "grouped[defaultProposalTypes.remove]).length > 0"],
    ],
    "createCommit.js": [
        ["= res.needsUpdatePath\n", "= res.needsUpdatePath || globalThis.forcesPath\n"],
        ["makePskIndex(pskState,", "makePskIndex(pskState ?? state,"],
        ["extensionType: defaultExtensionTypes.external_pub, extensionData: externalPub",
            "extensionType: defaultExtensionTypes.external_pub, extensionData: globalThis.packKey(externalPub)"],
        ["exportSecret(externalPub.extensionData, cs)", "exportSecret(globalThis.unpackKey(externalPub.extensionData), cs)"],
    ],
};

mended["extension.js"] = [
    ["[e.extensionType, encode(externalSenderEncoder, e.extensionData)]",
        "[e.extensionType, globalThis.packKey(encode(externalSenderEncoder, e.extensionData))]"],
    ["decode(externalSenderDecoder, extensionData)",
        "decode(externalSenderDecoder, globalThis.unpackKey(extensionData))"],
    ["return a.extensionData === b.extensionData",
        "return JSON.stringify(a.extensionData) === JSON.stringify(b.extensionData)"],
];

mended["makeNobleSignatureImpl.js"] = ["p256", "p384", "p521"].map((curve) =>
    [`${curve}.getPublicKey(signKey)`, `${curve}.getPublicKey(signKey, false)`]);

mended["processMessages.js"] = [
    ["externalPsks: {}, clientConfig", "externalPsks: params.context.externalPsks, clientConfig"],
];

export async function load(url, context, next) {
    const result = await next(url, context);
    const file = url.split("/").at(-1);
    if (!url.includes("/ts-mls/dist/src/") || !mended[file]) return result;
    let source = result.source.toString();
    for (const [from, to] of mended[file]) {
        if (!source.includes(from)) throw new Error(`${file} has no ${from}`);
        source = source.replaceAll(from, to);
    }
    return { ...result, source };
}

if (isMainThread) {
    globalThis.packKey = (key) => {
        const n = key.length;
        const head = n < 64 ? [n] : [0x40 | (n >> 8), n & 255];
        return Uint8Array.from([...head, ...key]);
    };
    globalThis.unpackKey = (data) => data.slice(data[0] < 0x40 ? 1 : 2);
    register("./hooks.mjs", import.meta.url);
}
