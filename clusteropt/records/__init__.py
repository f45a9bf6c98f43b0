"""What results tell, whichever file they come from: plain records, from which tables, pages and pictures are made."""
