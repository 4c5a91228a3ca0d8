// Package admit is what an agency must pass before it is admitted. It plays the
// hub, the citizens and the other agency, all real but for their keys, and looks
// at the agency under test from outside, over HTTP alone.
//
// A Bench makes a government CA, a hub with a witnessed log and citizens with
// passkeys; the agency is started with the trust folder and the keys that
// WriteAgency leaves. Provider and Consumer then run their cases, each of which
// changes one thing of a good exchange. A case that expects a refusal also sends
// the unchanged request afterwards, and that one must pass: so the refusal was
// for what was changed, not for something else.
//
// Specifications: RFC 9126, RFC 9101, RFC 9396, RFC 7636, RFC 9207, RFC 9449,
// RFC 9068, RFC 9457 and pkg/consent, as far as agencies meet them.
//
// Left out: what cannot be seen from outside (what an agency does with data it
// holds, how it keeps its keys), bundles, late deliveries, signals, and agencies
// whose client key is not the one of their certificate.
//
// What always holds: the keys are good for nothing else; every decision is
// consent.Ledger's; a report shows names of checks, never a person's values.
package admit
