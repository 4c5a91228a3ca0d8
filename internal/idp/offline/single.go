package offline

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"

	"github.com/govmydata/mydata/internal/web"
)

// single is the page as one file: nothing in it points outside of it.
type single struct {
	frame  *web.Frame
	bodies map[string][]byte // by language
	texts  []byte            // JSON: language to id to text
	style  []byte
	script []byte
	worker []byte
	packed string // base64
}

func newSingle(frame *web.Frame, packed, worker []byte) (*single, error) {
	s := &single{frame: frame, bodies: map[string][]byte{}, worker: worker, packed: base64.StdEncoding.EncodeToString(packed)}
	words, err := texts()
	if err != nil {
		return nil, err
	}
	for lang := range words {
		page, err := template.New("").Funcs(template.FuncMap{
			"t": func(id string) string { return frame.Text(lang, id) },
		}).ParseFS(files, "page/shared.html")
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		if err := page.ExecuteTemplate(&out, "checker", map[string]any{"Single": true}); err != nil {
			return nil, err
		}
		s.bodies[lang] = out.Bytes()
	}
	if s.texts, err = json.Marshal(words); err != nil { // escapes <, so that it cannot end its element
		return nil, err
	}
	if s.script, err = fs.ReadFile(files, "static/receipt.js"); err != nil {
		return nil, err
	}
	own, err := fs.ReadFile(files, "static/receipt.css")
	s.style = append(append(web.Stylesheet(), '\n'), own...)
	return s, err
}

// hash is a digest as a content security policy names it (CSP Level 3, 2.3.1).
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// file puts the page together in a language, with a trust folder.
func (s *single) file(lang string, folder map[string][]byte) ([]byte, error) {
	trust, err := json.Marshal(folder)
	if err != nil {
		return nil, err
	}
	for _, part := range [][]byte{s.style, s.script, s.worker} {
		if lower := bytes.ToLower(part); bytes.Contains(lower, []byte("</script")) || bytes.Contains(lower, []byte("</style")) || bytes.Contains(lower, []byte("<!--")) {
			return nil, fmt.Errorf("a part of the page would end its element")
		}
	}
	policy := "default-src 'none'; script-src " + hash(s.script) + " 'wasm-unsafe-eval'; style-src " + hash(s.style) +
		"; worker-src blob:; connect-src 'none'; img-src 'none'; base-uri 'none'; form-action 'none'"
	title := template.HTMLEscapeString(s.frame.Text(lang, "receipt.title"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=%q>\n<head>\n<meta charset=\"utf-8\">\n", lang)
	fmt.Fprintf(&b, "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n", policy)
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main id=\"main\" tabindex=\"-1\">\n", title, s.style)
	b.Write(s.bodies[lang])
	b.WriteString("</main>\n")
	data := func(id, kind string, text []byte) {
		fmt.Fprintf(&b, "<script type=%q id=%q>%s</script>\n", kind, id, text)
	}
	data("receipt-texts", "application/json", s.texts)
	data("receipt-trust", "application/json", trust)
	data("receipt-worker", "text/plain", s.worker)
	data("receipt-wasm", "text/plain", []byte(s.packed))
	fmt.Fprintf(&b, "<script>%s</script>\n</body>\n</html>\n", s.script)
	return b.Bytes(), nil
}
