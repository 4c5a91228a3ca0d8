package rules

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A small module with one guard of each sort, and tests for all but one.
var door = map[string]string{
	"go.mod": "module example.test/door\n\ngo 1.26\n",
	"door/door.go": `package door

import "errors"

var ErrShut = errors.New("shut")

func Open(age int, ticket bool) error {
	if age < 18 {
		if ticket {
			return ErrShut
		}
		return errors.New("too young")
	}
	if err := check(ticket); err != nil {
		return err
	}
	switch {
	case age > 200, age == 113:
		return errors.New("nobody is as old")
	}
	return nil
}

func check(ticket bool) error {
	if !ticket {
		return errors.New("no ticket")
	}
	return nil
}

func At(doors []int, n int) (int, error) {
	if n >= len(doors) {
		return 0, errors.New("no such door")
	}
	return doors[n], nil
}

func Name(of *string) (string, error) {
	if of == nil {
		return "", errors.New("nobody")
	}
	return *of, nil
}

func Fits(width, height int) error {
	for _, rule := range []struct {
		name string
		is   bool
	}{
		{"wide", width < 90},
		{"high", height < 200},
	} {
		if !rule.is {
			return errors.New(rule.name)
		}
	}
	return nil
}
`,
	"door/door_test.go": `package door_test

import (
	"errors"
	"testing"

	"example.test/door/door"
)

func TestYoung(t *testing.T) {
	if err := door.Open(17, true); !errors.Is(err, door.ErrShut) {
		t.Error(err)
	}
	if door.Open(17, false).Error() != "too young" {
		t.Error("opened")
	}
}

func TestTicket(t *testing.T) {
	if door.Open(18, false) == nil || door.Open(18, true) != nil {
		t.Error("opened")
	}
}

func TestOld(t *testing.T) {
	if door.Open(201, true) == nil {
		t.Error("opened")
	}
}

func TestAt(t *testing.T) {
	if _, err := door.At(nil, 0); err == nil {
		t.Error("found")
	}
}

func TestName(t *testing.T) {
	done := make(chan error)
	go func() {
		_, err := door.Name(nil)
		done <- err
	}()
	if <-done == nil {
		t.Error("named")
	}
}

func TestFits(t *testing.T) {
	if door.Fits(90, 199) == nil || door.Fits(89, 199) != nil {
		t.Error("it fits")
	}
}
`,
}

func TestMissed(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "door"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range door {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	guards, err := Guards(root, "door")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Build(t.Context(), root, "door", guards)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, g := range guards {
		if got[g.Cond], err = b.Missed(t.Context(), "^Test", i+1); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("it names the test that misses a guard, and none where none does", func(t *testing.T) {
		want := map[string]string{
			"age < 18": "TestYoung", "ticket": "TestYoung", // one within the other
			"err := check(ticket); err != nil": "TestTicket", "!ticket": "TestTicket",
			"age > 200": "TestOld", "age == 113": "",
			"n >= len(doors)": "TestAt",   // by a panic
			"of == nil":       "TestName", // by one in a goroutine of its own
			"width < 90":      "TestFits", "height < 200": "", "!rule.is": "TestFits",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("it misses nothing while every guard is on", func(t *testing.T) {
		if test, err := b.Missed(t.Context(), "^Test", 0); test != "" || err != nil {
			t.Errorf("%q %v", test, err)
		}
	})
	t.Run("it runs the tests that it is told, no others", func(t *testing.T) {
		if test, err := b.Missed(t.Context(), "^TestOld$", 1); test != "" || err != nil {
			t.Errorf("%q %v", test, err)
		}
	})
	t.Run("it leaves the sources alone, and nothing behind", func(t *testing.T) {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(b.scratch); !os.IsNotExist(err) {
			t.Error(err)
		}
		holds(t, root)
	})
}

// holds the folder to what was written into it.
func holds(t *testing.T, root string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil || len(files) != len(door)-1 {
		t.Errorf("%v %v", files, err)
	}
	for name, want := range door {
		if text, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(text) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
