// Command portal plays a housing-benefit portal: with one button it asks a citizen
// for facts of two agencies at once (sdk.Consumer.AskBundle), of which each is a
// permission of its own: the resident extract's facts, monthly for a year, and once
// whether the health insurance contribution is low. It shows what came, with
// receipts, asks again when a month has passed, and hears by signals when a
// permission is withdrawn. It is built on sdk alone.
//
// What it keeps of a citizen is found by nothing but the pseudonym that the hub
// gives this agency. Left out: everything else that such a portal does.
package main
