package sdktest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// What a hub can publish, its agencies can read: a catalogue may be larger than any
// other answer.
func TestAgenciesReadALargeCatalogue(t *testing.T) {
	text := catalogue.Text{"en": "Facts", "ko": "사실"}
	schema, _ := json.Marshal(map[string]string{"type": "object", "description": strings.Repeat("x", 60<<10)})
	var more []catalogue.DataSet
	for i := range 56 {
		more = append(more, catalogue.DataSet{ID: fmt.Sprint("facts-", i), Title: text, Schema: schema, Fields: []catalogue.Field{{Name: "fact", Label: text}}})
	}
	hub := sdktest.New(t, sdktest.Options{DataSets: more})
	hub.MustProvider(checkups(always))
	kim := hub.MustCitizen("kim")
	if release := kim.MustRelease(hub.MustConsumer(), hub.Need(kim)); release.Claims["vision_ok"] != true {
		t.Errorf("%+v", release.Claims)
	}
}
