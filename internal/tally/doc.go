// Package tally counts, for everybody to read, how often agencies were granted,
// released and withdrawn from: by month, consumer, provider and purpose.
//
// Beside that it counts, by month and agency, the grants of which an agency had
// not said by the month's end that it deleted what it countersigned to have
// received and could keep no longer.
//
// The rule, which the page states too:
//   - A month is counted once, a day after it has ended (UTC), and never again:
//     nobody can look before and after an event.
//   - A number is shown when ten different people or more are behind it. Any
//     other, zero included, is withheld, and a row of which all is withheld is
//     not there: nine people look like nobody.
//   - What is withheld is part of no other number: a total is the sum of what is
//     shown (the complementary suppression that is left to do when no total
//     reveals a difference). So nothing that is published depends on anything
//     that is withheld, which TestWithheldIsUnseen shows.
//   - Kept is what is shown; the counts behind it are in memory while counting.
//
// The ledger is read once a month in small pages, in the order of its citizens,
// so that people can be counted without a list of them; what was read stays
// known while the process lives, so that a sweep that ends early goes on.
//
// Left out: who has erased his records before the month's end is not counted.
package tally
