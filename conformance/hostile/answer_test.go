package hostile_test

import (
	"bufio"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
)

// An answer of the deployment, whoever asked.
type answer struct {
	status int
	header http.Header
	body   string
}

func of(p citizen.Page) answer { return answer{p.Status, p.Header, string(p.Body)} }

// code is the error of an answer: of a problem document, of an OAuth error, of a
// challenge, or of an error redirect to a client.
func (a answer) code() string {
	if to, err := url.Parse(a.header.Get("Location")); err == nil && a.status/100 == 3 {
		return to.Query().Get("error")
	}
	var body struct{ Code, Error string }
	if strings.Contains(a.header.Get("Content-Type"), "json") && json.Unmarshal([]byte(a.body), &body) == nil {
		return body.Code + body.Error
	}
	if m := challenged.FindStringSubmatch(strings.Join(a.header.Values("WWW-Authenticate"), ", ")); m != nil {
		return m[1]
	}
	return ""
}

var challenged = regexp.MustCompile(`error="([^"]*)"`)

// mark is in inputs that somebody might echo.
const mark = `"'><hostile-mark>`

// insides is what no answer may show of us.
var insides = regexp.MustCompile(`<hostile-mark|goroutine \d|\.go:\d|(?i)\b(sql|pgx|sqlite|postgres|panic)\b`)

// check holds an answer to what every refusal must be.
func (a answer) check(t *testing.T, want attempt) {
	t.Helper()
	if a.status != want.status || a.code() != want.code {
		t.Errorf("answered %d %q, wanted %d %q\n%s\n%s", a.status, a.code(), want.status, want.code, a.header, short(a.body))
	}
	if found := insides.FindString(a.body + a.header.Get("Location")); found != "" {
		t.Errorf("the answer shows %q:\n%s", found, short(a.body))
	}
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind == "application/problem+json" {
		a.checkProblem(t, want)
	}
}

func short(text string) string { return text[:min(len(text), 700)] }

// checkProblem is RFC 9457 as our own API promises it: the check, the cause and
// who can mend it wherever a program asked.
func (a answer) checkProblem(t *testing.T, want attempt) {
	t.Helper()
	var p struct {
		Type, Code, Check, Cause, Mender, Message string
		Status                                    int
		Correlation                               string `json:"correlation_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Errorf("problem document: %v", err)
	}
	if p.Type != "urn:mydata:problem:"+p.Code || p.Status != a.status || p.Correlation == "" || p.Correlation != a.header.Get("X-Correlation-Id") {
		t.Errorf("the problem document is not complete: %s", a.body)
	}
	if p.Message == "" && (p.Check == "" || p.Cause == "" || p.Mender == "") { // a message is for people
		t.Errorf("it does not name the check, the cause and who can mend it: %s", a.body)
	}
	if want.check != "" && p.Check != want.check {
		t.Errorf("the check is %q, wanted %q: %s", p.Check, want.check, p.Cause)
	}
}

// stranger asks without a browser. Each table of attempts has one at an address
// of its own: what is charged to an address does not add up over all of them.
var stranger = newStranger("127.0.0.1")

func newStranger(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: racers, IdleConnTimeout: 5 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const (
	formType    = "application/x-www-form-urlencoded"
	jsonType    = "application/json"
	joseType    = "application/jose"
	problemType = "application/problem+json"
)

// ask sends a request of nobody's: headers are pairs of name and value, and a
// name given twice is sent twice.
func ask(t testing.TB, method, address, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", jsonType)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Accept" {
			req.Header.Del("Accept")
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := stranger.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func get(t testing.TB, address string, headers ...string) answer {
	t.Helper()
	return ask(t, http.MethodGet, address, "", headers...)
}

func postForm(t testing.TB, address string, form url.Values, headers ...string) answer {
	t.Helper()
	return ask(t, http.MethodPost, address, form.Encode(), append([]string{"Content-Type", formType}, headers...)...)
}

func postJSON(t testing.TB, address, body string, headers ...string) answer {
	t.Helper()
	return ask(t, http.MethodPost, address, body, append([]string{"Content-Type", jsonType}, headers...)...)
}

func postJOSE(t testing.TB, address, body string) answer {
	t.Helper()
	return ask(t, http.MethodPost, address, body, "Content-Type", joseType)
}

// as sends a request in a person's browser; headers may overwrite the browser's.
func as(t testing.TB, c *citizen.Citizen, method, address, contentType, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", jsonType)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if method != http.MethodGet {
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	page, err := c.Send(req)
	if err != nil {
		t.Fatal(err)
	}
	return of(page)
}

// raw writes bytes to a port and reads the answer that comes, if any does.
func raw(t testing.TB, address, text string) answer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a connection has deadlines
	go func() { _, _ = io.WriteString(conn, text) }()      // the server may hang up before the end
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body) // what came before it hung up
	return answer{res.StatusCode, res.Header, string(body)}
}
