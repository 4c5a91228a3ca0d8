// Package jws writes compact JWS (RFC 7515, 7.1) by ES256 (RFC 7518, 3.4), as go-jose
// would, to the byte, and opens those that are written so: a header of alg, kid and typ
// alone, every part in its one spelling. Such a header needs no reading: it is made
// anew and compared.
//
// Left out: everything else. A text that does not open here may be good in another
// spelling, or not; go-jose says which, and why.
//
// What always holds: what opens here, opens with go-jose to the same payload.
package jws
