package statuslist

import "testing"

// Looking a status up is a shift and a mask.
func BenchmarkGet(b *testing.B) {
	list, err := New(1, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i = (i + 7919) & (1<<20 - 1)
		_, _ = list.Get(i)
	}
}
