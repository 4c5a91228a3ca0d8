package stage_test

import (
	"os"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

func TestStage(t *testing.T) {
	server, err := stage.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	database, err := server.Database(t.Context(), "stage")
	if err != nil {
		t.Fatal(err)
	}
	s := stage.Run(t, stage.Options{Database: database})
	t.Run("it starts what was killed", func(t *testing.T) {
		for _, name := range []string{stage.IDP, stage.Witness(2), stage.Licence} {
			if err := s.Kill(name); err != nil {
				t.Fatal(err)
			}
			if s.Running(name) {
				t.Errorf("%s runs", name)
			}
			if err := s.Start(name); err != nil {
				t.Fatal(err)
			}
			if err := s.Wait(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("it starts the database that was killed", func(t *testing.T) {
		server.Kill()
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(t.Context(), stage.IDP); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it has the operator write letters", func(t *testing.T) {
		l, err := s.Letter(t.Context(), "resident-01", false)
		if err != nil || l.Code == "" || l.URL == "" {
			t.Fatalf("%+v, %v", l, err)
		}
	})
	t.Run("it leaves no port taken", func(t *testing.T) {
		for _, name := range stage.Names() {
			if err := s.Stop(name); err != nil {
				t.Error(err)
			}
		}
		if !stage.Free(s.Base(), 0) {
			t.Error("somebody still listens")
		}
	})
}
