// Package legible decides which characters may stand in a text that somebody
// else wrote and a person reads beside other text: names of people, agencies and
// clients, labels, purposes.
//
// Refused is what cannot be seen or moves what stands around it: control
// characters and line separators, the bidirectional controls (Unicode Standard
// Annex #9, 2), and invisible characters (Default_Ignorable_Code_Point, Unicode
// Standard, 5.21), among them the Hangul fillers, which make a name look empty. So is a stack of
// marks on one letter that would reach into the lines around it.
// The two joiners and the variation selectors stay: scripts and emoji need them.
// So do letters of every direction and the private-use characters that Korean
// registers write rare Hanja with.
//
// Day says the one thing in such texts that is written for programs, a date, in words.
//
// Left out: look-alikes (Unicode Technical Standard #39), which no rule about
// single characters finds; a page says who vouches for a name instead. A page
// also isolates each name from the text around it, for letters alone can turn a
// line around.
//
// What always holds: what Clean answers passes Check.
package legible
