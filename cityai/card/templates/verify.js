(() => {
'use strict';
const find = (id) => document.getElementById(id);
const read = (bytes) => new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
const write = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');
const digest = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));
const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const encode = (bytes) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''));
const canonical = (v) => {
if (v === null || typeof v !== 'object') return JSON.stringify(v);
if (Array.isArray(v)) return '[' + v.map(canonical).join(',') + ']';
return '{' + Object.keys(v).sort().map((k) => JSON.stringify(k) + ':' + canonical(v[k])).join(',') + '}';
};
// The card's own canonical text, numbers as they stand in the file
class Written { constructor(text) { this.text = text; } }
const lay = (v, pad) => {
if (v instanceof Written) return v.text;
if (v === null || typeof v !== 'object') return JSON.stringify(v);
const whole = Array.isArray(v), ends = whole ? '[]' : '{}', deep = pad + '  ';
const parts = whole ? v.map((x) => lay(x, deep)) : Object.keys(v).sort().map((k) => JSON.stringify(k) + ': ' + lay(v[k], deep));
return parts.length ? ends[0] + parts.map((p) => '\n' + deep + p).join(',') + '\n' + pad + ends[1] : ends;
};
const seal = async (text) => {
const card = JSON.parse(text, (key, value, context) => typeof value === 'number' ? new Written(context.source) : value);
delete card.record.content_digest;
return digest(write(lay(card, '') + '\n'));
};
const refuse = (why) => { throw new Error(why); };
const PAYLOAD = 'application/vnd.in-toto+json';
const ED25519 = '300506032b6570', P256 = '301306072a8648ce3d020106082a8648ce3d030107';

// ECDSA: of DER two integers, for WebCrypto 64 bytes
const unwrap = (der) => {
const parts = [];
let at = 2;
while (at < der.length) {
const size = der[at + 1], whole = Array.from(der.slice(at + 2, at + 2 + size));
while (whole.length > 32) whole.shift();
parts.push(...Array(32 - whole.length).fill(0), ...whole);
at += 2 + size;
}
return Uint8Array.from(parts);
};
const openKey = async (key) => {
const der = decode(key.public), curve = hex(der).includes(P256);
if (!curve && !hex(der).includes(ED25519)) refuse(key.name + ': the key is of another kind');
const kind = curve ? {name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256'} : {name: 'Ed25519'};
const opened = await crypto.subtle.importKey('spki', der, kind, false, ['verify']);
return {...key, id: await digest(der), verify: (signature, message) =>
crypto.subtle.verify(kind, opened, curve ? unwrap(signature) : signature, message)};
};

const readAct = async (content, number, before, keys) => {
const told = JSON.parse(read(content)), sig = told.signatures[0];
const again = '{"payload": "' + told.payload + '", "payloadType": "' + PAYLOAD + '", "signatures": [{"keyid": "' + sig.keyid + '", "sig": "' + sig.sig + '"}]}\n';
if (again !== read(content)) refuse('it is written in another way');
const payload = decode(told.payload), signature = decode(sig.sig);
if (encode(payload) !== told.payload || encode(signature) !== sig.sig) refuse('it is written in another way');
const key = keys.get(sig.keyid) || refuse('it was signed by a key that is not listed');
const pae = write('DSSEv1 ' + PAYLOAD.length + ' ' + PAYLOAD + ' ' + payload.length + ' ');
const message = new Uint8Array([...pae, ...payload]);
if (!await key.verify(signature, message)) refuse('the signature is not that of ' + key.name);
const statement = JSON.parse(read(payload)), act = statement.predicate;
if (canonical(statement) !== read(payload)) refuse('its text is written in another way');
if (statement._type !== 'https://in-toto.io/Statement/v1' || statement.predicateType !== 'urn:cityai:predicate:review:1') refuse('it is no act of a review');
if (act.number !== number || act.previous !== (before ? before.digest : '')) refuse('it does not follow the act before it');
if (before && Date.parse(act.at) < Date.parse(before.act.at)) refuse('it is dated before the act before it');
const day = act.at.slice(0, 10);
if (day < key.since || (key.until && day > key.until)) refuse('the key of ' + key.name + ' does not speak on ' + day);
const subjects = Object.fromEntries(statement.subject.map((s) => [s.name, Object.values(s.digest)[0]]));
return {act, subjects, key, digest: await digest(content)};
};

const spell = (subjects) => canonical(Object.fromEntries(Object.entries(subjects).filter(([n, sha]) => n !== 'registered' && sha)));
const isPolicy = (name) => name.endsWith('.yaml');

// What counts today for a phase: as `cityai/review/standing.py` has it
const judge = (links, phase, current, today) => {
const of = (...kinds) => links.filter((l) => l.act.phase === phase && kinds.includes(l.act.act));
const authors = new Set(links.filter((l) => l.act.act === 'open').map((l) => l.key.name));
const moves = [];
for (const l of of('promote', 'rollback', 'retire')) {
if (l.act.act === 'retire') moves.length = 0;
else if (l.act.act === 'rollback') moves.pop();
else {
if (moves.length && moves[moves.length - 1].act.version === l.act.version) moves.pop();
moves.push(l);
}
}
const move = moves[moves.length - 1];
const policy = Object.entries(current).filter(([n]) => isPolicy(n));
const asked = move ? Object.fromEntries([...Object.entries(move.subjects).filter(([n]) => !isPolicy(n)), ...policy]) : current;
const these = spell(asked), decided = new Map(), ruled = new Map();
for (const l of of('approve', 'return', 'withdraw', 'override')) {
const who = l.key.name;
if (l.act.act === 'withdraw') { decided.delete(who); ruled.delete(who); }
else if (l.act.act === 'override') ruled.set(who, l);
else if (spell(l.subjects) === these) decided.set(who, l);
}
const met = new Set(of('fulfil').filter((l) => spell(l.subjects) === these).map((l) => l.act.rule));
const made = [...decided.values()];
const approvals = made.filter((l) => l.act.act === 'approve' && !authors.has(l.key.name) && l.act.valid_until >= today && l.act.conditions.every((c) => c.due >= today || met.has(c.rule)));
const overrides = [...ruled.values()].filter((l) => l.act.valid_until >= today && !authors.has(l.key.name));
const returned = made.some((l) => l.act.act === 'return');
const overridden = overrides.some((l) => spell(l.subjects) === these);
return {phase, move, approvals, overrides, counts: (approvals.length > 0 && !returned) || overridden};
};

const check = async (files, anchor, today) => {
const faults = [], links = [], keys = new Map();
const get = (name) => files.get(name) || refuse(name + ' is missing');
const listed = new Map(read(get('MANIFEST.sha256')).trim().split('\n').map((l) => [l.slice(66), l.slice(0, 64)]));
for (const [name, sha] of listed) if (!files.has(name) || await digest(files.get(name)) !== sha) faults.push(name + ' is missing or was changed');
for (const name of files.keys()) if (!listed.has(name) && name !== 'MANIFEST.sha256') faults.push(name + ' is not listed');
for (const key of JSON.parse(read(get('keys.json')))) { const opened = await openKey(key); keys.set(opened.id, opened); }
const acts = [...files.keys()].filter((n) => n.startsWith('reviews/')).sort();
for (const name of acts) {
const number = links.length + 1;
try {
if (name !== 'reviews/' + String(number).padStart(4, '0') + '.json') refuse('here act ' + number + ' was expected');
links.push(await readAct(files.get(name), number, links[links.length - 1], keys));
} catch (error) { faults.push(name + ': ' + error.message); break; }
}
const known = new Set(links.map((l) => l.digest)), heads = new Map(anchor ? [['the head that you gave', anchor]] : []);
for (const [name, content] of files) {
const found = name.startsWith('card/') && name.endsWith('.html') && /<section id="release"[^>]* data-head="([0-9a-f]{64})"/.exec(read(content));
if (found) heads.set(name, found[1]);
}
for (const [name, head] of heads) if (!known.has(head)) faults.push('the chain was cut or written anew: ' + name + ' names an act that is not in it');
const content = get('card/card.json'), card = JSON.parse(read(content)), made = card.provenance;
if (await seal(read(content)) !== card.record.content_digest) faults.push('card/card.json was changed after it was sealed');
const policy = [...files.keys()].find(isPolicy) || refuse('the policy is missing');
const current = {'card.json': await digest(content), data: made.data_digest, specification: made.spec_digest, predictions: made.predictions_digest, results: made.results_digest, model: made.model_digest, code: made.git_commit, [policy]: await digest(files.get(policy))};
for (const [name, page] of files) if (name.startsWith('card/') && name.endsWith('.html') && !read(page).includes('<meta name="cityai-record" content="' + card.record.content_digest + '">')) faults.push(name + ' was made from another record');
const phases = ['pilot', 'operational'].map((phase) => judge(links, phase, current, today));
for (const p of phases) if (p.move && !p.counts) faults.push(p.phase + ': version ' + p.move.act.version + ' is in use, and no approval of it counts today');
return {faults, links, keys, phases};
};

const fill = (id, lines) => find(id).replaceChildren(...lines.map((line) => { const li = document.createElement('li'); li.textContent = line; return li; }));
const show = async () => {
const files = new Map();
for (const file of find('files').files) files.set((file.webkitRelativePath || file.name).split('/').slice(1).join('/') || file.name, new Uint8Array(await file.arrayBuffer()));
if (!files.size) return;
const today = new Date().toISOString().slice(0, 10);
let result;
try { result = await check(files, find('head').value.trim(), today); }
catch (error) { result = {faults: [error.name === 'NotSupportedError' ? 'this browser cannot check these signatures; use a newer one' : error.message], links: [], keys: new Map(), phases: []}; }
const {faults, links, keys, phases} = result;
const told = phases.flatMap((p) => [
...p.overrides.map((l) => p.phase + ': allowed against the rules until ' + l.act.valid_until + ', by ' + l.key.name + ' (' + l.key.role + '): ' + l.act.reason),
p.phase + ': ' + (p.move ? 'version ' + p.move.act.version + ' is in use' : 'nothing is in use') + '; approvals that count today: ' + (p.approvals.map((l) => l.key.name + ' (' + l.key.role + ') until ' + l.act.valid_until).join(', ') || 'none')]);
fill('faults', [...faults, ...told]);
fill('acts', links.map((l) => l.act.at.slice(0, 10) + ' ' + l.key.name + ' (' + l.key.role + '): ' + l.act.act + (l.act.section ? ' on ' + l.act.section : '') + ', ' + l.act.phase + '. ' + l.act.reason));
fill('keys', [...keys.values()].map((k) => k.name + ' (' + k.role + '), from ' + k.since + (k.until ? ' to ' + k.until : '') + ': ' + k.id));
find('told').textContent = faults.length ? 'It does not hold: ' + faults.length + (faults.length > 1 ? ' faults' : ' fault') : 'It holds: signatures, chain and hashes, as of ' + today;
document.body.dataset.result = faults.length ? 'fails' : 'holds';
};
find('files').addEventListener('change', show);
find('head').addEventListener('change', show);
})();
