// Package crash kills the processes of a deployment with SIGKILL while a citizen
// walks the whole story, starts each again on the same data, and holds what is
// there then against the citizen's own notes.
//
// The story is a list of steps; each is tried until it is acknowledged, as a
// person would who sees an error page. Kills come at random moments of random
// steps (the seed is printed; MYDATA_CRASH_SEED repeats it), and, by gates that
// stand before every process, exactly between two durable steps: before a
// request arrives, and after it was carried out but before anybody hears of it.
//
// After each kill, and at the end: what was acknowledged is there, nothing was
// used twice or after its withdrawal, provider, consumer and hub tell the same,
// the log has one history, and everything is ready again within ten seconds.
//
// The short form is part of the ordinary tests; MYDATA_SOAK=1 takes the long
// one. Left out: machines that lose power, which the engines' fault tests play
// (each write lost, or kept and called lost), and full or slow disks.
package crash
