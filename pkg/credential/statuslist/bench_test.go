package statuslist

import (
	"testing"
	"time"
)

// Looking a status up in a list of 16 million is a memory read, a shift and a
// mask; its floor is the bare read of the same bytes in the same order.
func BenchmarkGet(b *testing.B) {
	for _, bits := range []int{1, 2} {
		b.Run(map[int]string{1: "one bit", 2: "two bits"}[bits], func(b *testing.B) { benchmarkGet(b, bits) })
	}
}

const sixteenMillion = 1 << 24

func benchmarkGet(b *testing.B, bits int) {
	list, err := New(bits, sixteenMillion)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < sixteenMillion; i += 3 {
		if err := list.Set(i, Invalid); err != nil {
			b.Fatal(err)
		}
	}
	const rounds = 100_000
	next := func(i int) int { return (i*1664525 + 1013904223) & (sixteenMillion - 1) }
	var floor, got time.Duration = 1 << 62, 1 << 62
	var sum byte
	data := list.Bytes()
	for range 100 { // the best of each, turn by turn
		start, i := time.Now(), 0
		for range rounds {
			i = next(i)
			sum += data[i*bits/8]
		}
		floor = min(floor, time.Since(start))
		start, i = time.Now(), 0
		for range rounds {
			i = next(i)
			s, err := list.Get(i)
			if err != nil {
				b.Fatal(err)
			}
			sum += byte(s)
		}
		got = min(got, time.Since(start))
	}
	allocations := testing.AllocsPerRun(1000, func() {
		s, _ := list.Get(int(sum))
		sum += byte(s)
	})
	i := 0
	for b.Loop() {
		i = next(i)
		s, _ := list.Get(i)
		sum += byte(s)
	}
	b.ReportMetric(float64(got)/rounds, "ns/look-up")
	b.ReportMetric(float64(floor)/rounds, "floor-ns/look-up")
	b.ReportMetric(float64(got)/float64(floor), "x-floor")
	b.ReportMetric(allocations, "allocs/look-up")
	if sum == 0 {
		b.Log("all of it was for nothing")
	}
}
