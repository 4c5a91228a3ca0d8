// Package ladder walks sdk/sdktest's suite, rung by rung, through a deployment of
// real processes: the hub that agencies test against and the hub that they will
// meet must answer with the same words. The agencies' two processes are stopped,
// and this one takes their places on their ports, with their keys.
//
// It leaves out what only the hub in memory can be made to do: faults and lies.
// Those, against real processes, are conformance/hostile and conformance/crash.
//
// What always holds: the people here go through the hub's own pages.
package ladder
