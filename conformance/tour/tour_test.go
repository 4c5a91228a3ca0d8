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
)

// marker is a remark in resident-01's check-up that the story never releases.
const marker = "MARKER-7f3a-do-not-leave"

// TestStory walks the whole story in both languages, then asks what nobody on
// the stage would tell: what the hub kept, received and sent.
func TestStory(t *testing.T) {
	s, err := openStage(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
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
				t.Fatalf("%v\n%s", err, s.errors())
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
		if err == nil || !strings.Contains(text, strconv.Itoa(s.base)) || !strings.Contains(text, "MYDATA_IDP_PORT") {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it keeps a second story out of its folder", func(t *testing.T) {
		if text, err := s.second(s.data); err == nil || !strings.Contains(text, "in use by another story") {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it passes its audit", func(t *testing.T) {
		if text, err := s.idp("audit", "--log", s.url(idpPort), "--trust", filepath.Join(s.data, "trust")); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it keeps everything over a second run", func(t *testing.T) {
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(s.out.String()) {
			if strings.Contains(line, "resident-01") && !strings.Contains(line, "enrolled") {
				t.Errorf("resident-01 is to enrol again: %s", line)
			}
		}
	})
	t.Run("it stops on Ctrl-C", func(t *testing.T) {
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if !allFreeOf(s.base) {
			t.Error("a service still listens")
		}
	})
	t.Run("it passes its audit, database and all", func(t *testing.T) {
		if text, err := s.idp("audit", "--trust", filepath.Join(s.data, "trust")); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("it wrote nobody's data into a log file", func(t *testing.T) { s.checkLogs(t) })
	t.Run("it kept the marker from the hub", func(t *testing.T) { s.checkMarker(t) })
}

// second tries to start another story on the same ports.
func (s *stage) second(data string) (string, error) {
	cmd := exec.Command(filepath.Join(s.bin, "story"), "run", "--data", data, "--bin", s.bin, "--base-port", strconv.Itoa(s.base))
	cmd.Env = environment()
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// checkLogs wants no resident in any log file, by whatever they were asked.
func (s *stage) checkLogs(t *testing.T) {
	register, err := os.ReadFile(filepath.Join(s.root, "examples", "story", "residents.csv"))
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
			found, err := findFiles(filepath.Join(s.data, "logs"), value, func(string) bool { return false })
			if err != nil || len(found) > 0 {
				t.Errorf("%s of %s is in %v (%v)", rows[0][i], row[0], found, err)
			}
		}
	}
}

func (s *stage) checkMarker(t *testing.T) {
	insurer := filepath.Join(s.root, "examples", "insurer")
	if found, err := findFiles(insurer, marker, func(string) bool { return false }); err != nil || len(found) == 0 {
		t.Fatalf("no record of the insurer holds the marker (%v): this test would pass for nothing", err)
	}
	if s.tape.count(idpPort) < 100 {
		t.Fatalf("only %d messages were recorded at the hub", s.tape.count(idpPort))
	}
	for offset := range s.tape.passed {
		if found := s.tape.find(offset, marker); len(found) > 0 {
			t.Errorf("service %d: the marker passed in %v", offset, found)
		}
	}
	found, err := findFiles(s.data, marker, func(path string) bool { return false })
	if err != nil || len(found) > 0 {
		t.Errorf("the marker was kept in %v (%v)", found, err)
	}
}

func allFreeOf(base int) bool {
	for _, offset := range offsets {
		if !free(base + offset) {
			return false
		}
	}
	return true
}
