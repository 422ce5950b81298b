"""A workbook as vendors send it, made of rows stated in a test."""

import io
import zipfile


def workbook(*lines: list[object], shared: bool = True) -> bytes:
    """A workbook as spreadsheets write it: texts shared, numbers plain, empty cells left out."""
    texts: list[str] = []
    rows = []
    for n, line in enumerate(lines, 1):
        cells = []
        for letter, value in zip("ABCDEFGH", line, strict=False):
            if isinstance(value, str) and shared:
                cells.append(f'<c r="{letter}{n}" t="s"><v>{len(texts)}</v></c>')
                texts.append(f"<si><r><t>{value[:2]}</t></r><r><t>{value[2:]}</t></r></si>")
            elif isinstance(value, str):
                cells.append(f'<c r="{letter}{n}" t="inlineStr"><is><t>{value}</t></is></c>')
            elif value is not None:
                cells.append(f'<c r="{letter}{n}"><v>{value}</v></c>')
        rows.append(f'<row r="{n}">{"".join(cells)}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    link = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = {
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{link}"><sheets>'
        '<sheet name="holdings" sheetId="1" r:id="rId7"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="rId7" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{''.join(rows)}</sheetData>"
        "</worksheet>",
    }
    if shared:
        parts["xl/sharedStrings.xml"] = f"<sst {space}>{''.join(texts)}</sst>"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made.getvalue()
