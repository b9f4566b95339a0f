// The ts-mls side of the MLS interoperability tests: the verbs of tests/interop/README.md, one JSON
// request per line on stdin, one reply per line on stdout, byte strings in hex. Start it with
// node --import ./hooks.mjs peer.mjs.
import { createInterface } from "node:readline";
import * as mls from "ts-mls";
import { groupContextExtensionDecoder } from "./node_modules/ts-mls/dist/src/extension.js";
import { ratchetTreeDecoder, ratchetTreeEncoder } from "./node_modules/ts-mls/dist/src/ratchetTree.js";
import { suiteOf } from "./suites.mjs";

class Unsupported extends Error {}

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text ?? "", "hex"));
const base64 = (data) => mls.bytesToBase64(data);
const anyone = { validateCredential: async () => true };
const authService = anyone;
const config = {
    keyRetentionConfig: mls.defaultKeyRetentionConfig,
    lifetimeConfig: mls.defaultLifetimeConfig,
    keyPackageEqualityConfig: mls.defaultKeyPackageEqualityConfig,
    paddingConfig: mls.defaultPaddingConfig,
};
const actors = new Map();

function decodeAll(decoder, data) {
    const result = decoder(data, 0);
    if (!result || result[1] !== data.length) throw new Error("not decoded to its end");
    return result[0];
}

function decodeMessage(text, wireformat) {
    const message = decodeAll(mls.mlsMessageDecoder, bytes(text));
    if (wireformat !== undefined && message.wireformat !== wireformat)
        throw new Error(`message of kind ${message.wireformat}`);
    return message;
}

const encodeMessage = (message) =>
    hex(mls.encode(mls.mlsMessageEncoder, { version: mls.protocolVersions.mls10, ...message }));

// The body of a list of extensions.
function decodeExtensions(text) {
    const data = bytes(text);
    const list = [];
    for (let at = 0; at < data.length;) {
        const [extension, length] = groupContextExtensionDecoder(data, at);
        list.push(extension);
        at += length;
    }
    return list;
}

const contextOf = (actor) => ({
    cipherSuite: actor.suite,
    authService,
    externalPsks: actor.psks,
    clientConfig: config,
});

async function makePackage(actor) {
    const capabilities = mls.defaultCapabilities();
    capabilities.ciphersuites.push(0xf602, 0xf606, 0xf609, 0xf60a);
    const pair = await mls.generateKeyPackageWithKey({
        credential: {
            credentialType: mls.defaultCredentialTypes.basic,
            identity: new TextEncoder().encode(actor.name),
        },
        capabilities,
        signatureKeyPair: actor.keys,
        cipherSuite: actor.suite,
    });
    const ref = await mls.makeKeyPackageRef(pair.publicPackage, actor.suite.hash);
    actor.packages.set(hex(ref), pair);
    return pair;
}

function proposalOf(actor, d) {
    const types = mls.defaultProposalTypes;
    if (d.type === "add") {
        const { keyPackage } = decodeMessage(d.key_package, mls.wireformats.mls_key_package);
        return { proposalType: types.add, add: { keyPackage } };
    }
    if (d.type === "remove") return { proposalType: types.remove, remove: { removed: d.leaf } };
    if (d.type === "psk" || d.type === "resumption") {
        const pskNonce = actor.suite.rng.randomBytes(actor.suite.kdf.size);
        const preSharedKeyId = d.type === "psk"
            ? { psktype: mls.pskTypes.external, pskId: bytes(d.id), pskNonce }
            : { psktype: mls.pskTypes.resumption, usage: mls.resumptionPSKUsages.application,
                pskGroupId: bytes(d.group_id), pskEpoch: BigInt(d.epoch), pskNonce };
        return { proposalType: types.psk, psk: { preSharedKeyId } };
    }
    if (d.type === "extensions")
        return { proposalType: types.group_context_extensions,
            groupContextExtensions: { extensions: decodeExtensions(d.extensions) } };
    if (d.type === "reinit")
        return { proposalType: types.reinit,
            reinit: { groupId: bytes(d.group_id), version: mls.protocolVersions.mls10,
                cipherSuite: d.suite, extensions: decodeExtensions(d.extensions) } };
    throw new Unsupported(`ts-mls has no way to propose ${d.type}`);
}

const verbs = {
    async init(actor, request) {
        actor.suite = await suiteOf(request.suite);
        actor.keys = await actor.suite.signature.keygen();
        return { signature_key: hex(actor.keys.publicKey) };
    },
    async key_package(actor) {
        const { publicPackage } = await makePackage(actor);
        return { key_package: encodeMessage({ wireformat: mls.wireformats.mls_key_package,
            keyPackage: publicPackage }) };
    },
    async psk(actor, request) {
        actor.psks[base64(bytes(request.id))] = bytes(request.psk);
    },
    async create(actor, request) {
        const pair = await makePackage(actor);
        actor.state = await mls.createGroup({
            context: contextOf(actor),
            groupId: bytes(request.group_id),
            keyPackage: pair.publicPackage,
            privateKeyPackage: pair.privatePackage,
            extensions: decodeExtensions(request.extensions),
        });
    },
    async propose(actor, request) {
        const result = await mls.createProposal({
            context: contextOf(actor),
            state: actor.state,
            wireAsPublicMessage: !request.private,
            proposal: proposalOf(actor, request.proposal),
        });
        actor.state = result.newState;
        return { message: encodeMessage(result.message) };
    },
    async commit(actor, request) {
        const proposals = (request.by_value ?? []).map((d) => proposalOf(actor, d));
        globalThis.forcesPath = request.force_path; // see hooks.mjs
        const result = await mls.createCommit({
            context: contextOf(actor),
            state: actor.state,
            wireAsPublicMessage: !request.private,
            extraProposals: proposals,
            ratchetTreeExtension: !request.external_tree,
        });
        actor.state = result.newState;
        return { commit: encodeMessage(result.commit),
            welcome: result.welcome ? encodeMessage(result.welcome) : "" };
    },
    async join(actor, request) {
        const { welcome } = decodeMessage(request.welcome, mls.wireformats.mls_welcome);
        const pair = welcome.secrets.map((s) => actor.packages.get(hex(s.newMember)))
            .find((found) => found);
        if (!pair) throw new Error("the welcome is for none of our key packages");
        const tree = request.tree && decodeAll(ratchetTreeDecoder, bytes(request.tree));
        const params = {
            context: contextOf(actor),
            welcome,
            keyPackage: pair.publicPackage,
            ratchetTree: tree || undefined,
        };
        if (!request.old)
            actor.state = await mls.joinGroup({ ...params, privateKeys: pair.privatePackage });
        else
            actor.state = await mls.joinGroupFromBranch({ ...params, oldState: actor.state,
                privateKeyPackage: pair.privatePackage });
    },
    async process(actor, request) {
        const result = await mls.processMessage({
            context: contextOf(actor),
            state: actor.state,
            message: decodeMessage(request.message),
        });
        actor.state = result.newState;
        return { data: hex(result.message ?? []), aad: hex(result.aad) };
    },
    async protect(actor, request) {
        const result = await mls.createApplicationMessage({
            context: contextOf(actor),
            state: actor.state,
            message: bytes(request.data),
            authenticatedData: bytes(request.aad),
        });
        actor.state = result.newState;
        return { message: encodeMessage(result.message) };
    },
    async tree(actor) {
        return { tree: hex(mls.encode(ratchetTreeEncoder, actor.state.ratchetTree)) };
    },
    async group_info(actor, request) {
        const make = request.external_tree ? mls.createGroupInfoWithExternalPub
            : mls.createGroupInfoWithExternalPubAndRatchetTree;
        const groupInfo = await make(actor.state, [], actor.suite);
        return { group_info: encodeMessage({ wireformat: mls.wireformats.mls_group_info,
            groupInfo }) };
    },
    async external_join(actor, request) {
        if (request.psks?.length) throw new Unsupported("ts-mls joins without PSKs only");
        const pair = await makePackage(actor);
        const { groupInfo } = decodeMessage(request.group_info, mls.wireformats.mls_group_info);
        const tree = request.tree && decodeAll(ratchetTreeDecoder, bytes(request.tree));
        const result = await mls.joinGroupExternal({
            context: contextOf(actor),
            groupInfo,
            keyPackage: pair.publicPackage,
            privateKeys: pair.privatePackage,
            resync: request.resync,
            tree: tree || undefined,
        });
        actor.state = result.newState;
        return { commit: encodeMessage({ wireformat: mls.wireformats.mls_public_message,
            publicMessage: result.publicMessage }) };
    },
    async propose_outside(actor, request) {
        const { groupInfo } = decodeMessage(request.group_info, mls.wireformats.mls_group_info);
        const proposal = proposalOf(actor, request.proposal);
        if (request.index >= 0) {
            const message = await mls.proposeExternal(groupInfo, proposal, actor.keys.publicKey,
                actor.keys.signKey, actor.suite);
            return { message: encodeMessage(message) };
        }
        const { keyPackage } = proposal.add;
        const ref = await mls.makeKeyPackageRef(keyPackage, actor.suite.hash);
        const { privatePackage } = actor.packages.get(hex(ref));
        const message = await mls.proposeAddExternal(groupInfo, keyPackage, privatePackage,
            actor.suite);
        return { message: encodeMessage(message) };
    },
    async succeed(actor, request) {
        const pair = await makePackage(actor);
        const added = request.adds.map((d) => proposalOf(actor, d).add.keyPackage);
        if (!request.branch) throw new Unsupported("ts-mls reinitialises with its own suites only");
        if (request.external_tree || request.extensions)
            throw new Unsupported("ts-mls branches with the tree and extensions of the old group");
        const result = await mls.branchGroup({
            context: contextOf(actor),
            state: actor.state,
            keyPackage: pair.publicPackage,
            privateKeyPackage: pair.privatePackage,
            memberKeyPackages: added,
            newGroupId: bytes(request.group_id),
        });
        actor.state = result.newState;
        return { welcome: encodeMessage(result.welcome),
            tree: hex(mls.encode(ratchetTreeEncoder, actor.state.ratchetTree)) };
    },
    async export(actor, request) {
        const secret = await mls.mlsExporter(actor.state.keySchedule.exporterSecret,
            request.label, bytes(request.context), request.length, actor.suite);
        return { secret: hex(secret) };
    },
    async state() {},
};

function stateOf(actor) {
    if (!actor.state) return {};
    const { groupContext, keySchedule, privatePath } = actor.state;
    return {
        epoch: Number(groupContext.epoch),
        leaf: privatePath.leafIndex,
        group_id: hex(groupContext.groupId),
        tree_hash: hex(groupContext.treeHash),
        epoch_authenticator: hex(keySchedule.epochAuthenticator),
    };
}

async function answer(line) {
    try {
        const request = JSON.parse(line);
        if (request.verb === "reset") {
            actors.clear();
            return { ok: true };
        }
        const name = request.actor;
        if (!actors.has(name)) actors.set(name, { name, psks: {}, packages: new Map() });
        const actor = actors.get(name);
        if (!verbs[request.verb]) throw new Unsupported(request.verb);
        const reply = await verbs[request.verb](actor, request);
        return { ok: true, ...reply, ...stateOf(actor) };
    } catch (error) {
        return { ok: false, error: `${error}`, unsupported: error instanceof Unsupported };
    }
}

for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
