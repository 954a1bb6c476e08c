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
const catalogue = JSON.parse(find('words').textContent);
const say = (name, places = {}) => catalogue[find('language').value][name].replace(/\{(\w+)\}/g, (whole, place) => place in places ? String(places[place]) : whole);
const refuse = (name, places) => { throw new Error(say(name, places)); };
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
if (!curve && !hex(der).includes(ED25519)) refuse('key_kind', {name: key.name});
const kind = curve ? {name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256'} : {name: 'Ed25519'};
const opened = await crypto.subtle.importKey('spki', der, kind, false, ['verify']);
return {...key, id: await digest(der), verify: (signature, message) =>
crypto.subtle.verify(kind, opened, curve ? unwrap(signature) : signature, message)};
};

const readAct = async (content, number, before, keys) => {
const told = JSON.parse(read(content)), sig = told.signatures[0];
const again = '{"payload": "' + told.payload + '", "payloadType": "' + PAYLOAD + '", "signatures": [{"keyid": "' + sig.keyid + '", "sig": "' + sig.sig + '"}]}\n';
if (again !== read(content)) refuse('form');
const payload = decode(told.payload), signature = decode(sig.sig);
if (encode(payload) !== told.payload || encode(signature) !== sig.sig) refuse('form');
const key = keys.get(sig.keyid) || refuse('stranger');
const pae = write('DSSEv1 ' + PAYLOAD.length + ' ' + PAYLOAD + ' ' + payload.length + ' ');
const message = new Uint8Array([...pae, ...payload]);
if (!await key.verify(signature, message)) refuse('signature', {name: key.name});
const statement = JSON.parse(read(payload)), act = statement.predicate;
if (canonical(statement) !== read(payload)) refuse('form');
if (statement._type !== 'https://in-toto.io/Statement/v1' || statement.predicateType !== 'urn:cityai:predicate:review:1') refuse('no_act');
if (act.number !== number || act.previous !== (before ? before.digest : '')) refuse('follows');
if (before && Date.parse(act.at) < Date.parse(before.act.at)) refuse('dated');
const day = act.at.slice(0, 10);
if (day < key.since || (key.until && day > key.until)) refuse('silent', {name: key.name, day});
const subjects = Object.fromEntries(statement.subject.map((s) => [s.name, Object.values(s.digest)[0]]));
if (['announce', 'draw', 'decide'].includes(act.act) && !subjects.evaluation) refuse('no_act');
return {act, subjects, key, digest: await digest(content)};
};

const spell = (subjects) => canonical(Object.fromEntries(Object.entries(subjects).filter(([n, sha]) => n !== 'registered' && sha)));
const RULES = 'rules.json';
const isPolicy = (name) => name === RULES || name.endsWith('.yaml');

// A rule of the policy, held against the card: as `cityai/review/gate.py` has it
const matches = (text, patterns) => patterns.some((p) => new RegExp('^' + p.replace(/\[(!?)([^\]]+)\]|[.*+?^${}()|[\]\\]/g, (c, not, of) => of ? '[' + (not ? '^' : '') + of.replace(/[\\^\]]/g, '\\$&') + ']' : c === '*' ? '[^]*' : c === '?' ? '[^]' : '\\' + c) + '$').test(text));
const countDays = (from, to) => (Date.parse(to) - Date.parse(from)) / 864e5;
const addDays = (day, many) => new Date(Date.parse(day) + many * 864e5).toISOString().slice(0, 10);
const listHarmful = (card) => {
const found = (card.impacts || []).filter((p) => p.found);
return found.filter((p, i) => p.found.direction === 'harmful' && !found.slice(0, i).some((n) => n.label === p.label)).map((p) => p.name);
};
const weigh = (rule, s) => {
if (rule.open !== 'condition') return rule.open === 'allow' ? 'yes' : 'no';
const made = s.conditions.filter((c) => c.rule === rule.id);
return made.length && (s.met.has(rule.id) || made[0].due >= s.today) ? 'condition' : 'no';
};
const listShort = (rule, s) => Object.entries(rule.reviewers).map(([role, needed]) => [role, needed - new Set(s.counted.filter((l) => role === 'anyone' || role === l.key.role).map((l) => l.key.name)).size]).filter(([, short]) => short > 0);
const kinds = {
findings: (rule, s, card) => {
const found = card.findings.filter((f) => matches(f.code, rule.findings));
if (!found.length || found.some((f) => f.status === 'fail' || f.status === 'error')) return 'no';
const silent = found.filter((f) => f.status === 'not applicable');
const unsure = found.some((f) => f.status === 'not enough evidence' || f.status === 'suppressed') || silent.some((f) => f.code === 'audit.dimensions');
return unsure || silent.length === found.length ? weigh(rule, s) : 'yes';
},
verdicts: (rule, s, card) => card.verdict && rule.verdicts.includes(card.verdict.word) ? 'yes' : 'no',
answers: (rule, s, card) => card.gaps.some((g) => matches(g.path, rule.answers)) ? 'no' : 'yes',
card_days: (rule, s, card) => countDays(card.record.updated.slice(0, 10), s.today) <= rule.card_days ? 'yes' : 'no',
reviewers: (rule, s) => s.returns.length || listShort(rule, s).length ? 'no' : 'yes',
evaluation: (rule, s, card) => {
const asks = {harmful: 'refuse', dropped: 'refuse', grace_days: 30, required_after_days: null, ...rule.evaluation};
const parts = card.impacts || [], signed = s.links.filter((l) => l.subjects.evaluation);
const late = (p) => !p.found && s.today > addDays(p.mature, asks.grace_days);
const tells = (seal) => parts.some((p) => p.seal === seal);
const before = signed.filter((l) => Date.parse(l.act.at) < Date.parse(card.record.updated));
const lost = before.some(({subjects: {evaluation: seal}}) => {
const own = before.filter((l) => l.subjects.evaluation === seal);
const next = before.filter((l) => l.act.act === 'announce' && l.act.evaluations[0] === own[0].act.evaluations[0]).pop();
return !tells(seal) && !(own.every((l) => l.act.act === 'announce') && tells(next.subjects.evaluation));
});
const unsigned = parts.some((p) => p.drawn && !signed.some((l) => l.subjects.evaluation === p.seal && l.act.drawn === p.drawn));
const wanting = asks.required_after_days !== null && s.since && parts.every(late) && countDays(s.since, s.today) > asks.required_after_days;
return unsigned || wanting || (asks.dropped === 'refuse' && (lost || parts.some(late))) || (asks.harmful === 'refuse' && listHarmful(card).length) ? 'no' : 'yes';
},
committed: (rule, s, card) => card.provenance.git_commit && !card.provenance.git_dirty ? 'yes' : 'no',
};
const applies = (rule, card) => {
const levels = Array.isArray(card.legal.risk_class) ? card.legal.risk_class.map((c) => c.level) : [];
return !rule.risk || !rule.risk.length || !levels.length || rule.risk.some((level) => levels.includes(level));
};
const hold = (rule, s, card) => {
if (!applies(rule, card)) return 'none';
return kinds[Object.keys(kinds).find((kind) => kind in rule)](rule, s, card);
};

// What counts today for a phase: as `cityai/review/standing.py` has it
const judge = (links, phase, current, today, card, policy) => {
const of = (...acts) => links.filter((l) => (!l.act.phase || l.act.phase === phase) && acts.includes(l.act.act));
const roles = new Map((card.impacts || []).map((p) => [p.seal, p.who_decides.toLowerCase()]));
const taken = of('decide').filter((l) => l.act.decision === 'stop' || roles.get(l.subjects.evaluation) === l.key.role.toLowerCase());
const stop = taken.length && taken[taken.length - 1].act.decision === 'stop' ? taken[taken.length - 1] : null;
const asks = policy.release.filter((r) => !r.phases || r.phases.includes(phase));
const guarded = asks.some((r) => r.evaluation && r.evaluation.harmful !== 'allow' && applies(r, card));
const aside = [...(guarded ? listHarmful(card) : []), ...(stop ? stop.act.evaluations : [])];
const authors = new Set(links.filter((l) => l.act.act === 'open').map((l) => l.key.name));
const moves = [];
let since = null;
for (const l of of('promote', 'rollback', 'retire', 'decide')) {
if (l.act.act === 'decide' && l.act.decision !== 'stop') continue;
const ends = l.act.act === 'retire' || l.act.act === 'decide';
since = ends ? null : since || l.act.at.slice(0, 10);
if (ends) moves.length = 0;
else if (l.act.act === 'rollback') moves.pop();
else {
if (moves.length && moves[moves.length - 1].act.version === l.act.version) moves.pop();
moves.push(l);
}
}
const move = moves[moves.length - 1];
const asked = move ? Object.fromEntries([...Object.entries(move.subjects).filter(([n]) => !isPolicy(n)), ...Object.entries(current).filter(([n]) => isPolicy(n))]) : current;
const these = spell(asked), ofCard = these === spell(current), decided = new Map(), ruled = new Map();
const may = (l) => policy.override && policy.override.roles.includes(l.key.role) && !authors.has(l.key.name) && countDays(l.act.at.slice(0, 10), l.act.valid_until) <= policy.override.days && aside.every((n) => (l.act.evaluations || []).includes(n));
for (const l of of('approve', 'return', 'withdraw', 'override', 'decide')) {
if (l.act.act === 'decide') { if (l.act.decision === 'stop') ruled.clear(); continue; }
const who = l.key.name, act = l.act.act;
if (act === 'withdraw') decided.delete(who);
else if (act !== 'override') decided.set(who, (decided.get(who) || new Map()).set(spell(l.subjects), l));
if (act === 'withdraw' || act === 'override') ruled.delete(who);
if (act === 'override' && may(l)) ruled.set(who, l);
}
const made = [...decided.values()].map((own) => own.get(these)).filter(Boolean);
const given = made.filter((l) => l.act.act === 'approve' && l.act.valid_until >= today);
const met = new Set(of('fulfil').filter((l) => spell(l.subjects) === these).map((l) => l.act.rule));
const counted = given.filter((l) => !authors.has(l.key.name) && l.act.conditions.every((c) => c.due >= today || met.has(c.rule)));
const s = {today, links, since, met, counted, conditions: given.flatMap((l) => l.act.conditions), returns: made.filter((l) => l.act.act === 'return')};
const rules = asks.filter((r) => ofCard || 'reviewers' in r || 'evaluation' in r).map((rule) => ({rule, outcome: hold(rule, s, card), short: rule.reviewers ? listShort(rule, s) : []}));
const overrides = [...ruled.values()].filter((l) => l.act.valid_until >= today);
const allowed = !stop && counted.length > 0 && !s.returns.length && rules.every((r) => r.outcome !== 'no');
return {...s, phase, move, stop, rules, overrides, counts: allowed || overrides.some((l) => spell(l.subjects) === these)};
};

const check = async (files, anchor, today) => {
const faults = [], links = [], keys = new Map();
const get = (name) => files.get(name) || refuse('missing', {file: name});
const listed = new Map(read(get('MANIFEST.sha256')).trim().split('\n').map((l) => [l.slice(66), l.slice(0, 64)]));
for (const [name, sha] of listed) if (!files.has(name) || await digest(files.get(name)) !== sha) faults.push(say('changed', {file: name}));
for (const name of files.keys()) if (!listed.has(name) && name !== 'MANIFEST.sha256') faults.push(say('unlisted', {file: name}));
for (const key of JSON.parse(read(get('keys.json')))) { const opened = await openKey(key); keys.set(opened.id, opened); }
const acts = [...files.keys()].filter((n) => n.startsWith('reviews/')).sort();
for (const name of acts) {
const number = links.length + 1;
try {
if (name !== 'reviews/' + String(number).padStart(4, '0') + '.json') refuse('number', {number});
links.push(await readAct(files.get(name), number, links[links.length - 1], keys));
} catch (error) { faults.push(name + ': ' + error.message); break; }
}
const known = new Set(links.map((l) => l.digest)), heads = new Map(anchor ? [[say('given'), anchor]] : []);
for (const [name, content] of files) {
const found = name.startsWith('card/') && name.endsWith('.html') && /<section id="release"[^>]* data-head="([0-9a-f]{64})"/.exec(read(content));
if (found) heads.set(name, found[1]);
}
for (const [name, head] of heads) if (!known.has(head)) faults.push(say('cut', {where: name}));
const content = get('card/card.json'), card = JSON.parse(read(content)), made = card.provenance;
if (await seal(read(content)) !== card.record.content_digest) faults.push(say('sealed', {file: 'card/card.json'}));
const policy = [...files.keys()].find((n) => n.endsWith('.yaml')) || refuse('missing', {file: 'policy.yaml'});
const current = {'card.json': await digest(content), data: made.data_digest, specification: made.spec_digest, predictions: made.predictions_digest, results: made.results_digest, model: made.model_digest, code: made.git_commit, [policy]: await digest(files.get(policy)), [RULES]: await digest(get(RULES))};
const told = JSON.parse(read(get(RULES)));
for (const [name, page] of files) if (name.startsWith('card/') && name.endsWith('.html') && !read(page).includes('<meta name="cityai-record" content="' + card.record.content_digest + '">')) faults.push(say('record', {file: name}));
const phases = ['pilot', 'operational'].map((phase) => judge(links, phase, current, today, card, told));
for (const p of phases) if (p.move && !p.counts) faults.push(say('suspended', {phase: say(p.phase), version: p.move.act.version}));
return {faults, links, keys, phases};
};

const fill = (id, lines) => find(id).replaceChildren(...lines.map((line) => { const li = document.createElement('li'); li.textContent = line; return li; }));
const name = (l) => l.key.name + ' (' + l.key.role + ')';
const tellRule = (p, r) => {
const more = r.short.map(([role, many]) => say('short', {many, role: role === 'anyone' ? say('anyone') : role}));
if (r.rule.reviewers && p.returns.length) more.push(say('returned', {who: p.returns.map(name).join(', ')}));
return say(p.phase) + ', ' + r.rule.id + ' (' + r.rule.owner + '): ' + r.rule.sentence + ' – ' + [say(r.outcome), ...more].join('; ');
};
const tellPhase = (p) => [
...(p.stop ? [say('stopped', {phase: say(p.phase), name: p.stop.act.evaluations[0], who: name(p.stop), day: p.stop.act.at.slice(0, 10), reason: p.stop.act.reason})] : []),
...p.overrides.map((l) => say('overridden', {phase: say(p.phase), day: l.act.valid_until, who: name(l), reason: l.act.reason})),
p.move ? say('in_use', {phase: say(p.phase), version: p.move.act.version}) : say('unused', {phase: say(p.phase)}),
say('counts', {phase: say(p.phase), people: p.counted.map((l) => say('until', {who: name(l), day: l.act.valid_until})).join(', ') || say('nobody')})];
const show = async () => {
const files = new Map();
for (const file of find('files').files) files.set((file.webkitRelativePath || file.name).split('/').slice(1).join('/') || file.name, new Uint8Array(await file.arrayBuffer()));
if (!files.size) return;
const today = new Date().toISOString().slice(0, 10);
let result;
try { result = await check(files, find('head').value.trim(), today); }
catch (error) { result = {faults: [error.name === 'NotSupportedError' ? say('browser') : error.message], links: [], keys: new Map(), phases: []}; }
const {faults, links, keys, phases} = result;
fill('faults', [...faults, ...phases.flatMap(tellPhase)]);
fill('rules', phases.flatMap((p) => p.rules.map((r) => tellRule(p, r))));
fill('acts', links.map((l) => l.act.at.slice(0, 10) + ' ' + name(l) + ': ' + [say(l.act.act) + (l.act.section ? ' (' + l.act.section + ')' : ''), ...(l.act.evaluations || []), ...(l.act.decision ? [say('to_' + l.act.decision)] : []), ...(l.act.drawn ? [l.act.drawn] : []), ...(l.act.phase ? [say(l.act.phase)] : [])].join(', ') + '. ' + l.act.reason));
fill('keys', [...keys.values()].map((k) => say(k.until ? 'key_ended' : 'key_days', {who: k.name + ' (' + k.role + ')', since: k.since, until: k.until}) + ': ' + k.id));
find('told').textContent = faults.length ? say('fails', {many: faults.length}) : say('holds', {day: today});
document.body.dataset.language = document.documentElement.lang;
document.body.dataset.result = faults.length ? 'fails' : 'holds';
};
const translate = () => {
document.documentElement.lang = find('language').value;
for (const element of document.querySelectorAll('[data-say]')) element.textContent = say(element.dataset.say);
return show();
};
find('files').addEventListener('change', show);
find('head').addEventListener('change', show);
find('language').addEventListener('change', translate);
})();
