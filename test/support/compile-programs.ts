import { compilePrograms } from './programs.js';

/* The guest has no compiler, and sees the project read-only. */
compilePrograms();
