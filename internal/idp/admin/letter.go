package admin

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
)

//go:embed letter.html
var letterSource string

var letterPage = template.Must(template.New("letter").Parse(letterSource))

// letter is a whole HTML document in Korean and English, to be printed and sent.
// It needs no network: the QR code is drawn in it.
func letter(e Enrolment, hub string, to account.Resident) (string, error) {
	zone := time.FixedZone("KST", 9*60*60)
	var out strings.Builder
	err := letterPage.Execute(&out, map[string]any{
		"To": to, "Code": e.Code, "URL": e.URL, "Page": hub + "/enrol", "QR": web.QRCode(e.URL),
		"UntilKo": e.Expires.In(zone).Format("2006년 1월 2일 15:04"),
		"UntilEn": e.Expires.In(zone).Format("2 January 2006, 15:04 Korean time"),
	})
	if err != nil {
		return "", fmt.Errorf("letter: %w", err)
	}
	return out.String(), nil
}
