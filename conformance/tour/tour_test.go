package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

// marker is a remark in resident-01's check-up that the story never releases.
const marker = "MARKER-7f3a-do-not-leave"

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// TestStory walks the whole story in both languages, then asks what nobody on
// the stage would tell: what the hub kept, received and sent.
func TestStory(t *testing.T) {
	s, err := openShow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	b, err := openBrowser(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	axe, err := readAxe("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join("..", "..", "screenshots")
	for _, a := range actors {
		t.Run("it walks as "+a.resident+" in "+a.lang, func(t *testing.T) {
			if err := s.play(b, a, out, axe, t.Logf); err != nil {
				t.Fatalf("%v\n%s", err, s.Errors())
			}
		})
	}
	t.Run("it never confuses two residents of one name", func(t *testing.T) {
		if err := s.twins(b, out, axe, t.Logf); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it names a busy port and the variable that moves it", func(t *testing.T) {
		text, err := s.second(filepath.Join(t.TempDir(), "data"))
		if err == nil || !strings.Contains(text, strconv.Itoa(s.Base())) || !strings.Contains(text, "MYDATA_IDP_PORT") {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it keeps a second story out of its folder", func(t *testing.T) {
		if text, err := s.second(s.Data()); err == nil || !strings.Contains(text, "in use by another story") {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it passes its audit", func(t *testing.T) {
		if text, err := s.idp("audit", "--log", s.URL(stage.IDP), "--trust", s.Path("trust")); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it keeps everything over a second run", func(t *testing.T) {
		if err := s.StopStory(); err != nil {
			t.Fatal(err)
		}
		if err := s.StartStory(t.Context()); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(s.Guide()) {
			if strings.Contains(line, "resident-01") && !strings.Contains(line, "enrolled") {
				t.Errorf("resident-01 is to enrol again: %s", line)
			}
		}
	})
	t.Run("it stops on Ctrl-C", func(t *testing.T) {
		if err := s.StopStory(); err != nil {
			t.Fatal(err)
		}
		if !stage.Free(s.Base(), 0) {
			t.Error("a service still listens")
		}
	})
	t.Run("it tells people what waits for an operator", func(t *testing.T) {
		if err := s.decide(t.Context(), b, out, axe, t.Logf); err != nil {
			t.Error(err)
		}
		if err := s.Stop(stage.IDP); err != nil {
			t.Error(err)
		}
	})
	t.Run("it passes its audit, database and all", func(t *testing.T) {
		if text, err := s.idp("audit", "--trust", s.Path("trust")); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it wrote nobody's data into a log file", func(t *testing.T) { s.checkLogs(t) })
	t.Run("it kept the marker from the hub", func(t *testing.T) { s.checkMarker(t) })
}

// second tries to start another story on the same ports.
func (s *show) second(data string) (string, error) {
	cmd := exec.Command(s.Program("story"), "run", "--data", data, "--bin", filepath.Dir(s.Program("story")), "--base-port", strconv.Itoa(s.Base()))
	cmd.Env = stage.Environment()
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// checkLogs wants no resident in any log file, by whatever they were asked.
func (s *show) checkLogs(t *testing.T) {
	register, err := os.ReadFile(filepath.Join("..", "..", "examples", "story", "residents.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(register)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		for i, value := range row {
			if column := rows[0][i]; column == "resident_id" || column == "sex" || column == "family_name" || column == "given_name" {
				continue // an identifier, or too short to tell
			}
			found, err := findFiles(s.Path("logs"), value, func(string) bool { return false })
			if err != nil || len(found) > 0 {
				t.Errorf("%s of %s is in %v (%v)", rows[0][i], row[0], found, err)
			}
		}
	}
}

func (s *show) checkMarker(t *testing.T) {
	insurer := filepath.Join("..", "..", "examples", "insurer")
	if found, err := findFiles(insurer, marker, func(string) bool { return false }); err != nil || len(found) == 0 {
		t.Fatalf("no record of the insurer holds the marker (%v): this test would pass for nothing", err)
	}
	if s.tape.count(stage.IDP) < 100 {
		t.Fatalf("only %d messages were recorded at the hub", s.tape.count(stage.IDP))
	}
	for service := range s.tape.passed {
		if found := s.tape.find(service, marker); len(found) > 0 {
			t.Errorf("%s: the marker passed in %v", service, found)
		}
	}
	found, err := findFiles(s.Data(), marker, func(path string) bool { return false })
	if err != nil || len(found) > 0 {
		t.Errorf("the marker was kept in %v (%v)", found, err)
	}
}
