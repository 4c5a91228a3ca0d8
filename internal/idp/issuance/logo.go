package issuance

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
)

// logoPath is where wallets find the picture of the cards.
const logoPath = "/types/logo.png"

// logo is a plain picture without anything to execute: a card with a person on it.
var logo = drawLogo()

func drawLogo() []byte {
	const size = 96
	palette := color.Palette{color.NRGBA{}, color.NRGBA{0x0b, 0x4a, 0x8f, 0xff}, color.NRGBA{0xff, 0xff, 0xff, 0xff}}
	picture := image.NewPaletted(image.Rect(0, 0, size, size), palette)
	for y := range size {
		for x := range size {
			picture.SetColorIndex(x, y, logoAt(x, y))
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic("issuance: " + err.Error()) // into memory
	}
	return out.Bytes()
}

func logoAt(x, y int) uint8 {
	disc := func(cx, cy, r int) bool { return (x-cx)*(x-cx)+(y-cy)*(y-cy) <= r*r }
	switch {
	case y < 18 || y >= 78 || x < 4 || x >= 92:
		return 0
	case disc(30, 40, 10), disc(30, 70, 17) && y < 70, // head and shoulders
		x >= 54 && x < 84 && (y >= 34 && y < 39 || y >= 46 && y < 51 || y >= 58 && y < 63): // lines of text
		return 2
	}
	return 1
}
