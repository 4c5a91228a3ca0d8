package statuslist

import (
	"mime"
	"strconv"
	"strings"
)

// Negotiate chooses the form of a Status List Token by an Accept header (RFC
// 9110, 12.5.1): the JWT unless the CWT is liked better. It answers "" when
// neither is acceptable.
func Negotiate(accept string) string {
	if strings.TrimSpace(accept) == "" {
		return MediaType
	}
	jwt, cwt := quality(accept, MediaType), quality(accept, MediaTypeCWT)
	switch {
	case jwt <= 0 && cwt <= 0:
		return ""
	case cwt > jwt:
		return MediaTypeCWT
	}
	return MediaType
}

// quality is that of the most specific range that a media type falls into.
func quality(accept, media string) float64 {
	best, specific := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := -1
		switch name {
		case media:
			level = 2
		case "application/*":
			level = 1
		case "*/*":
			level = 0
		}
		if level < 0 || level < specific {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		if level > specific || q > best {
			best, specific = q, level
		}
	}
	return best
}
