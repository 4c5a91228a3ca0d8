package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	josejson "github.com/go-jose/go-jose/v4/json"
)

// Problem is a refusal that a program reads (RFC 9457): what was checked, why
// it failed, who can mend it.
type Problem struct {
	Status int
	Code   string // a word that callers branch on
	Check  string // the check that failed, by name
	Cause  string // what was wrong with it
	Mender string // who must act: citizen, consumer, provider, operator
}

type problemBody struct {
	Type          string `json:"type"`
	Status        int    `json:"status"`
	Code          string `json:"code"`
	Check         string `json:"check,omitempty"`
	Cause         string `json:"cause,omitempty"`
	Mender        string `json:"mender,omitempty"`
	Message       string `json:"message,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`
}

// Problem answers with application/problem+json and logs err, which the client
// never sees.
func (f *Frame) Problem(w http.ResponseWriter, r *http.Request, p Problem, err error) {
	p = known(w, p, err)
	f.logFailure(r, p.Status, p.Code, p.Check, err)
	f.writeProblem(w, r, p, "")
}

func (f *Frame) writeProblem(w http.ResponseWriter, r *http.Request, p Problem, message string) {
	if p.Status < 400 {
		p.Status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(problemBody{
		"urn:mydata:problem:" + p.Code, p.Status, p.Code, p.Check, p.Cause, p.Mender, message, Correlation(r.Context()),
	})
}

// Fail answers with an error page, or with a problem document for programs and
// for our own script; messageID is the sentence a person reads, and its last
// part the problem's code. The reader always gets the correlation id.
func (f *Frame) Fail(w http.ResponseWriter, r *http.Request, status int, messageID string, err error) {
	code := messageID[strings.LastIndexByte(messageID, '.')+1:]
	p := known(w, Problem{Status: status, Code: code}, err)
	if p.Code != code {
		messageID = "web.error." + p.Code
	}
	next := "web.error.next"
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		next = "web.error.later" // what was under way may have been done
	}
	f.logFailure(r, p.Status, p.Code, p.Check, err)
	message := f.Text(Lang(r), messageID)
	if f.program(r) {
		f.writeProblem(w, r, p, message)
		return
	}
	f.own.Render(w, r, p.Status, "error", map[string]any{
		"Message": message, "Next": next, "Correlation": Correlation(r.Context()), "Login": f.wayIn(r, p.Status),
	})
}

// wayIn leads whose login ended back to the page that they were on: what they had
// begun there begins with it.
func (f *Frame) wayIn(r *http.Request, status int) string {
	from, err := url.Parse(r.Referer())
	switch {
	case status != http.StatusUnauthorized || f.service != "idp":
		return ""
	case err != nil || from.Host != r.Host || from.Path == "":
		return "/login"
	}
	return "/login?" + url.Values{"next": {from.Path}}.Encode()
}

// Refusals is a face's one table from what went wrong to what a person reads.
type Refusals []struct {
	Err    error
	Status int
	Text   string // as of Fail
}

// Refuse answers with the first row that err is; false where none is it.
func (f *Frame) Refuse(w http.ResponseWriter, r *http.Request, table Refusals, err error) bool {
	for _, row := range table {
		if errors.Is(err, row.Err) {
			f.Fail(w, r, row.Status, row.Text, err)
			return true
		}
	}
	return false
}

func (f *Frame) logFailure(r *http.Request, status int, code, check string, err error) {
	args := []any{"status", status, "code", code, "route", r.Pattern, "correlation_id", Correlation(r.Context())}
	if check != "" {
		args = append(args, "check", check)
		Refused(r.Context(), check)
	}
	Refused(r.Context(), code)
	if err != nil {
		args = append(args, "err", err.Error())
	}
	level := slog.LevelInfo
	switch {
	case status == http.StatusServiceUnavailable: // readiness and the log of what is out say more
		level = slog.LevelWarn
	case status >= 500:
		level = slog.LevelError
	}
	f.log.Log(r.Context(), level, "refused", args...)
}

// JSON answers with v.
func JSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("web: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// WantsJSON says that the client prefers JSON to a page.
func WantsJSON(r *http.Request) bool { return prefers(r) == "json" }

func wantsPage(r *http.Request) bool { return prefers(r) == "page" }

func prefers(r *http.Request) string {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		switch media {
		case "application/json", "application/problem+json":
			return "json"
		case "text/html", "application/xhtml+xml":
			return "page"
		}
	}
	return ""
}

func sentJSON(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// DecodeOnly is Decode of an object that also refuses a member which *v, a struct,
// does not name: where a page says what a person agrees to, nothing else may come along.
func DecodeOnly[T any](w http.ResponseWriter, r *http.Request, v *T) error {
	var body json.RawMessage
	if err := Decode(w, r, &body); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := josejson.Unmarshal(body, &members); err != nil { // a name given twice, too
		return fmt.Errorf("read body: %w", err)
	}
	of := reflect.TypeFor[T]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		delete(members, name)
	}
	if len(members) > 0 {
		return errors.New("read body: it brings members that were not asked for")
	}
	if err := josejson.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

// Decode reads one JSON value of at most BodyLimit bytes into v. Names are
// compared exactly, a name given twice is refused, and so is what follows the
// value.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	if !sentJSON(r) {
		return fmt.Errorf("read body: content type is not application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, BodyLimit))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if err := josejson.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}
