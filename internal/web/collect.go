package web

import (
	"os"
	"runtime/debug"
)

// CollectSeldom has garbage collected when the heap is five times what lives: little
// lives in a service that answers requests, and collecting it took a tenth of its
// time. GOGC overrules it.
func CollectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
