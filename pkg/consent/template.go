package consent

import (
	"strconv"
	"strings"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// template is the template that a request names; zero where it names none.
func (d Detail) template() TemplateRef {
	if d.Template == nil {
		return TemplateRef{}
	}
	return *d.Template
}

func (t Template) ref() TemplateRef { return TemplateRef{t.ID, t.Version} }

// object is the template in an exported record (a code of conduct in the words of
// ISO/IEC TS 27560).
func (t Template) object() Object {
	o := Object{"mydata:maxUses": t.MaxUses, "mydata:maxDays": t.MaxDays}
	if t.ID != "" {
		o["mydata:templateId"], o["mydata:templateVersion"] = t.ID, t.Version
	}
	return o
}

// FitsTemplate holds terms to the template of the catalogue that they name. Hub
// and provider both ask; a purpose that has templates is not granted without one.
func FitsTemplate(t Terms, cat *catalogue.Catalogue) error {
	fields := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = f.Name
	}
	keep, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(t.Retention, "P"), "D")) // 0 fits no template
	err := cat.Fits(catalogue.Asked{
		Purpose: t.Purpose.Code, Template: t.Template.ID, Version: t.Template.Version, DataSet: t.DataSet.ID, Fields: fields,
		Uses: t.MaxUses, Seconds: t.Validity.Expires - t.Validity.NotBefore, Every: t.Every(), KeepDays: keep,
	})
	if err != nil {
		return refuse("template", "%v", err)
	}
	return nil
}
