// One client of core-crypto adds MEMBERS - 1 others at once; the first and the last of them join, and
// the last one updates its keys. Prints for each operation a JSON line as bench_mls does: CPU time,
// user and system, of the whole process. usage: node peer.mjs MEMBERS RUNS
import * as cc from "@wireapp/core-crypto/native";

const [members, runs] = process.argv.slice(2).map(Number);
const suite = cc.CipherSuite.Mls128Dhkemx25519Aes128gcmSha256Ed25519;
const times = new Map();

async function timed(what, operation) {
    const before = process.cpuUsage();
    await operation();
    const used = process.cpuUsage(before);
    if (!times.has(what)) times.set(what, { ms: [], bytes: 0 });
    times.get(what).ms.push((used.user + used.system) / 1000);
}

class Client {
    // What a commit gives goes nowhere; the test hands it on.
    transport = {
        sendCommitBundle: async (bundle) => { this.bundle = bundle; },
        prepareForTransport: async () => new Uint8Array(),
    };

    static async new(number) {
        const client = new Client();
        const user = new cc.Uuid(`00000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
        client.id = new cc.ClientId(user, new cc.DeviceId(1n), "example.com");
        client.core = cc.CoreCrypto.new(await cc.Database.inMemory());
        await client.do(async (context) => {
            await context.mlsInit(client.id, client.transport);
            client.credential = await context.addCredential(cc.Credential.basic(suite, client.id));
        });
        return client;
    }

    do(operation) {
        return this.core.transaction(operation);
    }

    async package() {
        let made;
        await this.do(async (context) => {
            made = await context.generateKeyPackage(this.credential);
        });
        return made.serialize();
    }
}

function note(what, bytes) {
    times.get(what).bytes = bytes;
}

async function addAll(creator, packages, run) {
    const group = new cc.ConversationId(new TextEncoder().encode(`bench ${run}`));
    const decoded = packages.map((bytes) => new cc.KeyPackage(bytes));
    await creator.do((context) => context.createConversation(group, creator.credential));
    await timed("add all", () =>
        creator.do((context) => context.addClientsToConversation(group, decoded)));
    note("add all", creator.bundle.commit.length);
    return group;
}

async function join(client, welcome) {
    await timed("join", () =>
        client.do((context) => context.processWelcomeMessage(new cc.Welcome(welcome))));
    note("join", welcome.length);
}

async function update(from, to, group) {
    await timed("update", () => from.do((context) => context.updateKeyingMaterial(group)));
    const { commit } = from.bundle;
    note("update", commit.length);
    await timed("process", () => to.do((context) => context.decryptMessage(group, commit)));
}

async function talk(from, to, group) {
    let message;
    await timed("encrypt 64 B", () => from.do(async (context) => {
        message = await context.encryptMessage(group, new Uint8Array(64));
    }));
    note("encrypt 64 B", message.length);
    await timed("decrypt", () => to.do((context) => context.decryptMessage(group, message)));
}

const creator = await Client.new(0), first = await Client.new(1), last = await Client.new(members - 1);
const packages = [await first.package()];
for (let i = 2; i < members - 1; i++) packages.push(await (await Client.new(i)).package());
packages.push(await last.package());
let group;
for (let run = 1; run < runs; run++) await addAll(creator, packages, run);
group = await addAll(creator, packages, 0);
const welcome = creator.bundle.welcome.serialize();
await join(first, welcome);
await join(last, welcome);
for (let run = 0; run < runs; run++) {
    await update(last, first, group);
    await talk(last, first, group);
}
for (const [what, { ms, bytes }] of times) {
    ms.sort((a, b) => a - b);
    console.log(JSON.stringify({ what, ms: ms[ms.length >> 1], low: ms[0], high: ms.at(-1),
        runs: ms.length, bytes }));
}
