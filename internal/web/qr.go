package web

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the empty border that ISO/IEC 18004 asks for, in modules.
const quiet = 4

// QRCode draws text as an inline SVG: dark on white in every colour scheme,
// since scanners need it so. The same content must also stand on the page as a
// link or a text, so the picture's alternative is only its name.
func QRCode(text string) template.HTML {
	return drawQR(text, "QR code")
}

func drawQR(text, alternative string) template.HTML {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		// Too long for a QR code: the page's link remains.
		return ""
	}
	n := code.Bounds().Dx()
	var path strings.Builder
	for y := range n {
		for x := 0; x < n; x++ {
			run := x
			for run < n && dark(code.At(run, y).RGBA()) {
				run++
			}
			if run > x {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run-x, run-x)
				x = run
			}
		}
	}
	side := n + 2*quiet
	name := template.HTMLEscapeString(alternative)
	//nolint:gosec // G203: numbers, and one escaped name.
	return template.HTML(fmt.Sprintf(`<svg class="qr" role="img" aria-label="%s" viewBox="0 0 %d %d" shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg"><rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`,
		name, side, side, side, side, path.String()))
}

func dark(r, _, _, _ uint32) bool { return r < 0x8000 }
