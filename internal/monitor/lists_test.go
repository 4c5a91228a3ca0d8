package monitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// content is a list of 64 bytes whose first place says something.
func content(t *testing.T, bits int, status statuslist.Status) []byte {
	t.Helper()
	list, err := statuslist.FromBytes(bits, make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Set(0, status); err != nil {
		t.Fatal(err)
	}
	return list.Bytes()
}

//clause:status ours: an older list that is served again is refused by name, and found by a monitor in each form
func TestStatusListsInEveryFormAndSize(t *testing.T) {
	start := func(t *testing.T, bits int) (*world, *issuer) {
		w := newWorld(t)
		i := newIssuer(t, func() time.Time { return w.at })
		i.width, i.cwt = bits, make([]byte, 64)
		w.options.Lists = monitor.Served{Client: &statuslist.Client{Development: true}}
		w.open()
		w.hub.add(t, i.says(t, 1, make([]byte, 64)))
		expect(t, w.round())
		return w, i
	}
	serve := func(i *issuer, jwt, cwt []byte) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.bits, i.cwt = jwt, cwt
	}
	for _, bits := range []int{1, 2, 4, 8} {
		revoked := content(t, bits, statuslist.Invalid)
		t.Run("it takes both forms of a list", func(t *testing.T) {
			w, i := start(t, bits)
			serve(i, revoked, revoked)
			w.hub.add(t, i.says(t, 2, revoked))
			w.at = w.at.Add(time.Hour)
			expect(t, w.round())
		})
		t.Run("it finds an older list in the one form, served again", func(t *testing.T) {
			w, i := start(t, bits)
			serve(i, revoked, make([]byte, 64))
			w.hub.add(t, i.says(t, 2, revoked))
			w.at = w.at.Add(2 * time.Minute)
			expect(t, w.round(), audit.StatusList)
			if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "before version 2") {
				t.Errorf("told %+v", w.told)
			}
		})
		t.Run("it finds an older list in the other form, served again", func(t *testing.T) {
			w, i := start(t, bits)
			serve(i, make([]byte, 64), revoked)
			w.hub.add(t, i.says(t, 2, revoked))
			w.at = w.at.Add(2 * time.Minute)
			expect(t, w.round(), audit.StatusList)
		})
	}
	t.Run("it finds a suspension that is not served", func(t *testing.T) {
		w, i := start(t, 2)
		w.hub.add(t, i.says(t, 2, content(t, 2, statuslist.Suspended)))
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
	})
	t.Run("it finds a suspension of which the log says nothing", func(t *testing.T) {
		w, i := start(t, 2)
		suspended := content(t, 2, statuslist.Suspended)
		serve(i, suspended, suspended)
		expect(t, w.round())
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
	})
	t.Run("it finds a list that became shorter in one form", func(t *testing.T) {
		w, i := start(t, 1)
		serve(i, make([]byte, 64), make([]byte, 63))
		expect(t, w.round())
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
	})
}
