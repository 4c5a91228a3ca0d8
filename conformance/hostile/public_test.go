package hostile_test

import (
	"testing"
)

// publics attack what anybody may read: tiles, proofs, lists, offers (C2SP
// tlog-tiles; Token Status List, 8.1; OpenID4VCI 1.0, 4.1.3).
func publics() []attempt {
	var list []attempt
	read := func(name, path string, status int, code, check string) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer {
			if check == "status list" {
				return get(t, w.hub+path, "Accept", "application/statuslist+jwt")
			}
			return get(t, w.hub+path)
		}})
	}
	for _, path := range []string{
		"", "0", "0/0", "0/00", "0/0000", "00/000", "-1/000", "64/000", "x/000", "0/x000/000", "0/x000", "0/abc", "0/+01", "0/-01", "0/000.p/0", "0/000.p/01",
		"0/000.p/256", "0/000.p/-1", "0/000.p/x", "0/000.p/", "0/000.p/1/2", "0/000.p", "0/000.p/999999999999999999999", "entries/0", "entries/000.p/0", "entries/x",
		"ENTRIES/000", "0/000%00", "0/000%FF", "0/000%2F", "0/x001/x002/x003/x004/x005/x006/x007/x008/000", "0/%30%30%30x", long(200),
	} {
		read("it knows no tile path "+path, "/log/tile/"+path, 404, "no_such_tile", "tile path")
	}
	for _, path := range []string{"0/000", "0/999", "1/000", "1/000.p/200", "7/000", "0/000.p/255", "0/x999/999", "0/x999/x999/x999/999", "63/000", "entries/000", "entries/999", "entries/000.p/255"} {
		read("it has no tile "+path, "/log/tile/"+path, 404, "no_such_tile", "tile exists")
	}
	for name, leaf := range map[string]string{
		"nothing": "", "31 bytes": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "33 bytes": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "stray bits": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
		"padding": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "another alphabet": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%2B", "a NUL": "a%00b", "a line break": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%0A", "5000 letters": long(5000),
	} {
		read("it proves nothing of "+name, "/log/proof?leaf="+leaf, 400, "invalid_leaf", "leaf hash")
	}
	read("it proves nothing without a leaf", "/log/proof", 400, "invalid_leaf", "leaf hash")
	read("it proves nothing that is not there", "/log/proof?leaf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404, "not_published", "published")
	for _, id := range []string{"x", "0", "a%00b", "%FF", long(3000), "..%2Fkeys", "%22%3E%3Chostile-mark%3E"} {
		read("it has no status list "+id[:min(len(id), 20)], "/status/"+id, 404, "not_found", "status list")
		read("it has no offer "+id[:min(len(id), 20)], "/credential-offer/"+id, 404, "offer", "offer")
	}
	return list
}
