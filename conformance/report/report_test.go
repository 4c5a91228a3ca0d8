package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"
)

//clause:admission a plan is read strictly; the report in its four forms; an exit code that fails
func TestReportForms(t *testing.T) {
	r := Report{Role: "provider", Agency: "urn:mydata:agency:clinic", At: time.Unix(1790000000, 0).UTC()}
	began := time.Now()
	r.Add(Case{Part: "tokens", Name: "refuses an expired token", Clause: "RFC 9068, 4"}, began, errors.New("it <b>released</b>"))
	r.Add(Case{Part: "release", Name: "answers a retry"}, began, nil)
	r.Add(Case{Part: "tokens", Name: "waits"}, began, Skip("long"))
	r.Gather()
	var text, object, junit bytes.Buffer
	for _, f := range []struct {
		name  string
		write func() error
	}{
		{"text", func() error { return r.WriteText(&text) }}, {"JSON", func() error { return r.WriteJSON(&object) }},
		{"JUnit", func() error { return r.WriteJUnit(&junit) }},
	} {
		if err := f.write(); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	if !strings.Contains(text.String(), "failed   refuses an expired token") || !strings.Contains(text.String(), "1 passed, 1 failed, 1 skipped") {
		t.Error(text.String())
	}
	var back struct {
		Passed, Failed, Skipped int
		Results                 []Result
	}
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || back.Failed != 1 || len(back.Results) != 3 {
		t.Error(object.String(), err)
	}
	var s suite
	if err := xml.Unmarshal(junit.Bytes(), &s); err != nil || s.Tests != 3 || s.Failures != 1 || s.Skipped != 1 || s.Cases[0].Failure == nil || s.Cases[1].Failure != nil || s.Cases[1].Skipped == nil {
		t.Error(junit.String(), err)
	}
	if r.Results[1].Name != "waits" || len(r.Failed()) != 1 {
		t.Errorf("parts are not kept together: %+v", r.Results)
	}
	if r.OK() || (Report{}).OK() {
		t.Error("a failure, or nothing at all, is no pass")
	}
}
